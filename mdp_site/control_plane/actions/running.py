"""Checks an action, states its impact, and runs it: the one way for page, API and terminal."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from marketdata.control import RevisionOutcome
from marketdata.control.arguments import Arguments, argument_values, checked_arguments
from marketdata.control.views import Overview
from marketdata.errors import ConfigurationError, MarketDataError
from mdp_site.control_plane.actions.declared import Action, ByDatabase, ByJob, ByProcesses, BySettings
from mdp_site.control_plane.actions.registry import action_named
from mdp_site.control_plane.actors import Actor, acting_as
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.changes import PENDING, check_actor, check_reason
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.outcomes import settle_by_revision


class Prepared(NamedTuple):
    """An action that can be run: `impact` is what the operator must be shown before.

    `expected`: the identities of the processes that must carry it out.
    """

    action: Action
    arguments: Arguments
    service: str
    impact: str
    expected: tuple[str, ...] = ()


def prepared(name: str, values: Mapping[str, object], overview: Overview) -> Prepared:
    """The action of this name with these arguments, and its impact by this overview. Changes nothing.

    Raises:
        InvalidSettings: an argument is not accepted; it has a message for each.
        ConfigurationError: there is no such action, or nothing to do it to.
    """
    action = action_named(name)
    arguments = checked_arguments(action.arguments, values)
    service = action.service(arguments)
    try:
        impact = action.impact(arguments, overview)
        expected = _expected(action, service, overview)
    except ConfigurationError as error:
        if (reason := overview.unread.get("cache")) is None:
            raise
        # Nothing is known of any process. That it is not there would be wrong.
        raise ConfigurationError(
            f"the cache cannot be read ({reason}), so it is unknown what runs; "
            "repeat it when the cache is back"
        ) from error
    return Prepared(action, arguments, service, impact, expected)


def _expected(action: Action, service: str, overview: Overview) -> tuple[str, ...]:
    """The identities of the processes that must carry an instruction out."""
    if not isinstance(action.work, ByProcesses):
        return ()
    identities = tuple(view.report.identity for view in overview.steered(service))
    if not identities:
        raise ConfigurationError(f"no process of {service} runs that could do it")
    return identities


def run(wish: Prepared, *, actor: Actor, reason: str = "", expected_revision: int | None = None) -> ActionRun:
    """Run an action. It is pending until its outcome is known; then the row of the run has it.

    With `expected_revision` an action on settings is refused if the newest revision has another number.
    A refusal is noted in the audit.

    Raises:
        NotAllowed: the actor may not do it.
        ReasonRefused: the reason is too long or not readable.
        MarketDataError: it is refused.
    """
    match wish.action.work:
        case BySettings(revise):
            # In no transaction of ours: a refusal is noted, and the note must stay.
            revision = revise(wish.arguments, actor, reason, expected_revision)
            stored = _stored(wish, actor, reason, revision=revision.number)
            settle_by_revision(stored, revision)
            stored.refresh_from_db()
            return stored
        case ByProcesses(before):
            return _checked(wish, actor, reason, lambda: _instructed(wish, actor, reason, before))
        case ByDatabase(do):
            return _checked(wish, actor, reason, lambda: _done_at_once(wish, actor, reason, do))
        case ByJob(order):
            return _checked(wish, actor, reason, lambda: _ordered(wish, actor, reason, order))


def note_refusal(name: str, error: MarketDataError, *, actor: Actor, reason: str = "") -> None:
    """Note in the audit that an action was refused before it could be run."""
    note(actor, service="", action=name, result=f"refused: {error}", reason=reason)


def run_of(number: str) -> ActionRun:
    """The run of this id.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        found = ActionRun.objects.filter(pk=uuid.UUID(number)).first()
    except ValueError:
        found = None
    if found is None:
        raise ConfigurationError(f"there is no run {number!r}; accepted: the id of a run of an action")
    return found


def _checked(wish: Prepared, actor: Actor, reason: str, begin: Callable[[], ActionRun]) -> ActionRun:
    """Begin what the actor may do, as this actor and whole or not at all. A refusal is noted."""
    try:
        check_actor(actor)
        check_reason(reason)
        with acting_as(lambda: actor), transaction.atomic():
            return begin()
    except MarketDataError as error:
        _note(wish, actor, reason, f"refused: {error}")
        raise


def _instructed(
    wish: Prepared, actor: Actor, reason: str, before: Callable[[Any, Actor], object]
) -> ActionRun:
    before(wish.arguments, actor)
    _note(wish, actor, reason, PENDING)
    return _stored(wish, actor, reason, expected=list(wish.expected))


def _done_at_once(wish: Prepared, actor: Actor, reason: str, do: Callable[[Any, Actor], str]) -> ActionRun:
    text = do(wish.arguments, actor)
    _note(wish, actor, reason, f"{RevisionOutcome.APPLIED}: {text}")
    return _stored(
        wish,
        actor,
        reason,
        outcome=RevisionOutcome.APPLIED.value,
        outcome_text=text,
        outcome_at=timezone.now(),
    )


def _ordered(wish: Prepared, actor: Actor, reason: str, order: Callable[[Any], str]) -> ActionRun:
    number = order(wish.arguments)
    _note(wish, actor, reason, PENDING)
    return _stored(wish, actor, reason, job_order=number, sent_at=timezone.now())


def _note(wish: Prepared, actor: Actor, reason: str, result: str) -> None:
    note(
        actor,
        service=wish.service,
        action=wish.action.name,
        after=argument_values(wish.arguments),
        reason=reason,
        result=result,
    )


def _stored(wish: Prepared, actor: Actor, reason: str, **others: Any) -> ActionRun:
    return ActionRun.objects.create(
        action=wish.action.name,
        service=wish.service,
        arguments=argument_values(wish.arguments),
        impact=wish.impact,
        who=actor.who,
        user_id=actor.user_id,
        reason=reason,
        **others,
    )
