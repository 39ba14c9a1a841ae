"""Brings the settings of a backup back: what differs from the present, and the changes that remove it.

What this release does not know, or can no longer change at runtime, is left out and named. A value that it
does not accept refuses the whole file, before anything is changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from django.contrib.auth.models import Group
from django.db import transaction
from django_q.models import Schedule

from marketdata.control import Given, changed
from marketdata.errors import ConfigurationError, MarketDataError
from marketdata.runtime.settings import Applies, declarations
from mdp_site.accounts.models import User
from mdp_site.control_plane import changes
from mdp_site.control_plane.actors import Actor, acting_as
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.history import Difference, difference
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.services import STEERED, SteeredService
from mdp_site.jobs.intervals import TYPES, interval_refusal
from mdp_site.jobs.offered import JOBS_SERVICE, OFFERED
from mdp_site.jobs.schedules import FOR_EVER
from mdp_site.jobs.settings_file import SavedRevision, SavedSchedule, SavedSettings

SCHEDULES_RESTORED: Final = "schedules restored"


class SettingsRestoration(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a backup and the present.

    `services`: the settings that a service shall have, and `settings` what differs in them. `expected`: its
    present revision. `schedules`: a schedule now (None: there is none) and as it shall be. `roles`: group ->
    its members now, and as they shall be. `left_out`: what of the file is not restored, and why.
    """

    services: Mapping[str, Given]
    settings: Mapping[str, Mapping[str, Difference]]
    expected: Mapping[str, int]
    schedules: Sequence[tuple[SavedSchedule | None, SavedSchedule]]
    roles: Mapping[str, Difference]
    left_out: Sequence[str]


def restoration(saved: SavedSettings, present: SavedSettings) -> SettingsRestoration:
    """What a backup would change. It changes nothing itself.

    Raises:
        ConfigurationError: values are not accepted; the message names each, and what is accepted.
    """
    left_out: list[str] = []
    services: dict[str, Given] = {}
    settings: dict[str, Mapping[str, Difference]] = {}
    problems: list[str] = []
    for name, revision in saved.services.items():
        if name not in STEERED:
            left_out.append(f"there is no service {name!r}")
            continue
        now = present.services.get(name)
        try:
            given = _accepted(STEERED[name], revision, left_out)
        except MarketDataError as error:
            problems.append(f"{name}: {error}")
            continue
        if differing := difference(now.given if now else {}, given):
            services[name], settings[name] = given, differing
    if problems:
        raise ConfigurationError("; ".join(problems))
    return SettingsRestoration(
        services=services,
        settings=settings,
        expected={name: each.revision for name, each in present.services.items()},
        schedules=_schedules(saved, present, left_out),
        roles=_roles(saved, present, left_out),
        left_out=left_out,
    )


def _accepted(steered: SteeredService, revision: SavedRevision, left_out: list[str]) -> Given:
    """The settings of a service that this release knows, checked as each change of an operator is.

    Raises:
        MarketDataError: a value is not accepted, or they do not go together.
    """
    known: dict[str, Any] = {}
    declared = declarations(steered.kind)
    for name, value in revision.given.items():
        if name not in declared:
            left_out.append(f"{steered.name} has no setting {name!r}")
        elif declared[name].applies is Applies.RESTART:
            left_out.append(f"{steered.name}: {declared[name].restart_needed}")
        else:
            known[name] = value
    given = changed(steered.kind, {}, known)
    steered.check(steered.wanted(given, version=revision.revision))
    return given


def _schedules(
    saved: SavedSettings, present: SavedSettings, left_out: list[str]
) -> Sequence[tuple[SavedSchedule | None, SavedSchedule]]:
    now = {each.name: each for each in present.schedules}
    differing = []
    for each in saved.schedules:
        job = OFFERED.get(each.job)
        if job is None or each.type not in TYPES:
            left_out.append(f"the schedule {each.name!r} is not of a job of this release: {each.job}")
        elif refusal := interval_refusal(job, each.type, each.minutes):
            left_out.append(f"the schedule {each.name!r}: {refusal}")
        elif now.get(each.name) != each:
            differing.append((now.get(each.name), each))
    return differing


def _roles(saved: SavedSettings, present: SavedSettings, left_out: list[str]) -> Mapping[str, Difference]:
    users = set(User.objects.values_list("username", flat=True))
    differing = {}
    for group, names in saved.roles.items():
        if group not in present.roles:
            left_out.append(f"there is no group {group!r}")
            continue
        left_out += [f"there is no user {name!r}, who was in {group}" for name in names if name not in users]
        members = tuple(sorted(set(names) & users))
        if members != present.roles[group]:
            differing[group] = Difference(present.roles[group], members)
    return differing


def restore(
    wanted: SettingsRestoration, *, actor: Actor, reason: str, with_roles: bool
) -> Sequence[Revision]:
    """Make the changes. Each service gets a revision; schedules and roles are changed together before.

    Raises:
        StaleRevision: somebody changed a service since; the services before it are restored.
        NotAllowed, ReasonRefused: see `changes.change`.
    """
    changes.check_actor(actor)
    changes.check_reason(reason)
    with transaction.atomic(), acting_as(lambda: actor):
        for now, shall in wanted.schedules:
            _restore_schedule(now, shall)
        if wanted.schedules:
            note(
                actor,
                service=JOBS_SERVICE,
                action=SCHEDULES_RESTORED,
                before={shall.name: msgspec.to_builtins(now) for now, shall in wanted.schedules},
                after={shall.name: msgspec.to_builtins(shall) for _, shall in wanted.schedules},
                reason=reason,
                result="done",
            )
        if with_roles:
            for group, members in wanted.roles.items():
                users = User.objects.filter(username__in=members.after)
                Group.objects.get(name=group).user_set.set(users)
    return [
        changes.change(
            name,
            given,
            unset=[each for each, differing in wanted.settings[name].items() if differing.after is None],
            actor=actor,
            reason=reason,
            expected=wanted.expected.get(name, 0),
        )
        for name, given in wanted.services.items()
    ]


def _restore_schedule(now: SavedSchedule | None, shall: SavedSchedule) -> None:
    values = {"func": shall.job, "schedule_type": shall.type, "minutes": shall.minutes, "repeats": FOR_EVER}
    if now is None:
        Schedule.objects.create(name=shall.name, **values)
    else:
        Schedule.objects.filter(name=shall.name).update(**values)
