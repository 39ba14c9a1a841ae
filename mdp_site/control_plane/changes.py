"""Changes the settings of services: the one way for page, API and terminal.

A change is checked by the declarations and by the service's own check. Then it is one transaction: the
revision, and its entry in the audit. `delivery` brings it to the processes afterwards.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction

from marketdata.control import Given, changed
from marketdata.errors import ConfigurationError, MarketDataError
from mdp_site.accounts.roles import Right
from mdp_site.control_plane import history
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.models import MAX_REASON_LENGTH, Revision
from mdp_site.control_plane.outcomes import overtake
from mdp_site.control_plane.presentation import described
from mdp_site.control_plane.services import SteeredService, service

ATTEMPTS: Final = 5
PENDING: Final = "pending"


class ControlRefused(MarketDataError):
    """A change that is refused, whatever the values are."""


class NotAllowed(ControlRefused):
    """The actor lacks the right."""


class ReasonRefused(ControlRefused):
    """The reason is too long or not readable."""


class StaleRevision(ControlRefused):
    """Somebody changed the settings meanwhile. `revisions` are those that the actor has not seen."""

    def __init__(self, name: str, *, present: int, expected: int) -> None:
        revisions = history.since(name, expected)
        newer = "; ".join(described(each, history.own_changes(each)) for each in revisions)
        super().__init__(
            f"{name} is at revision {present}, not {expected}. Look again: "
            + (newer or f"there is no revision {expected} yet")
        )
        self.revisions = tuple(revisions)


def change(
    name: str,
    changes: Mapping[str, object],
    *,
    actor: Actor,
    unset: Collection[str] = (),
    reason: str = "",
    expected: int | None = None,
) -> Revision:
    """Give these settings to the service of this name, and take back those in `unset`.

    A text is converted to the kind of its setting. With `expected` the change is refused if the newest
    revision has another number; 0 is the environment alone.

    Raises:
        NotAllowed: the actor may not change settings.
        StaleRevision: the expected revision is not the newest one.
        InvalidSettings: names or values are not accepted; it has a message for each.
        ReasonRefused: the reason is too long or not readable.
        ConfigurationError: there is no such service, or the settings do not go together.
    """
    return _revise(
        name,
        _Wish(
            "change",
            lambda steered, given: changed(steered.kind, given, changes, unset),
            actor,
            reason,
            expected,
        ),
    )


def act(
    name: str,
    action: str,
    *,
    actor: Actor,
    process: str = "",
    reason: str = "",
    expected: int | None = None,
) -> Revision:
    """Do what the service has a word for, such as stop; some are for one process. Raises as `change`."""

    def make(steered: SteeredService, given: Given) -> Given:
        if action not in steered.actions:
            accepted = ", ".join(steered.actions)
            raise ConfigurationError(f"there is no action {action!r} for {name}; accepted: {accepted}")
        return changed(steered.kind, given, steered.actions[action](given, process))

    return _revise(name, _Wish(action, make, actor, reason, expected))


def restore(
    name: str, number: int, *, actor: Actor, reason: str = "", expected: int | None = None
) -> Revision:
    """Make a new revision that is equal to an old one; 0 is the environment alone. Raises as `change`.

    Raises:
        ConfigurationError: there is no revision of this number.
    """
    return _revise(
        name,
        _Wish(
            "restore",
            lambda steered, _: changed(steered.kind, {}, history.given_at(name, number)),
            actor,
            reason,
            expected,
            detail=f", equal to revision {number}",
        ),
    )


class _Wish(NamedTuple):
    """What an actor wants: `make` gives the settings that a service shall have after those that it has."""

    action: str
    make: Callable[[SteeredService, Given], Given]
    actor: Actor
    reason: str
    expected: int | None
    detail: str = ""


def _revise(name: str, wish: _Wish) -> Revision:
    try:
        steered = service(name)
        check_actor(wish.actor)
        check_reason(wish.reason)
        for _ in range(ATTEMPTS):
            try:
                return _store(steered, wish)
            except IntegrityError:  # another process stored a revision of this number at the same moment
                continue
        raise ControlRefused(f"others keep changing the settings of {name}; try again")
    except MarketDataError as error:
        note(wish.actor, service=name, action=wish.action, result=f"refused: {error}", reason=wish.reason)
        raise


@transaction.atomic
def _store(steered: SteeredService, wish: _Wish) -> Revision:
    present = Revision.objects.select_for_update().filter(service=steered.name).order_by("-number").first()
    number = present.number if present else 0
    if wish.expected is not None and wish.expected != number:
        raise StaleRevision(steered.name, present=number, expected=wish.expected)
    before: Given = present.given if present else {}
    after = wish.make(steered, before)
    steered.check(steered.wanted(after, version=number + 1))
    overtake(steered.name, number + 1)
    differing = history.difference(before, after)
    note(
        wish.actor,
        service=steered.name,
        action=wish.action,
        revision=number + 1,
        before={name: each.before for name, each in differing.items()},
        after={name: each.after for name, each in differing.items()},
        reason=wish.reason,
        result=PENDING + wish.detail,
    )
    return Revision.objects.create(
        service=steered.name,
        number=number + 1,
        given=dict(after),
        who=wish.actor.who,
        user_id=wish.actor.user_id,
        reason=wish.reason,
    )


def check_actor(actor: Actor) -> None:
    """Raises `NotAllowed` if the actor may not steer services."""
    if Right.CONTROL not in actor.rights:
        raise NotAllowed(
            f"{actor.who} may not change settings; accepted: a user with the right {Right.CONTROL}"
        )


def check_reason(reason: str) -> None:
    """Raises `ReasonRefused` if the reason is too long or not readable."""
    if len(reason) > MAX_REASON_LENGTH:
        raise ReasonRefused(f"the reason has {len(reason)} characters; accepted: at most {MAX_REASON_LENGTH}")
    if not all(each.isprintable() or each == "\n" for each in reason):
        raise ReasonRefused("the reason has characters that cannot be printed; accepted: text")
