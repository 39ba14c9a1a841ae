"""The services: what is wanted of them, what their processes apply, and changes of their settings."""

import zlib
from typing import Final

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketdata.control import Given
from marketdata.control.views import Overview
from marketdata.runtime.settings import declarations
from mdp_site.api.access import caller_of
from mdp_site.api.control import answers
from mdp_site.api.control.bodies import Restoration, SettingsChange, body_of
from mdp_site.api.control.steering import (
    Seen,
    installation,
    json_answer,
    refusals_as_problems,
    revision_answer,
    seen_revision,
    settled,
)
from mdp_site.api.control.value_schemas import value_schema
from mdp_site.api.operations import register
from mdp_site.api.problems import Fault, Problem
from mdp_site.api.replies import tagged_reply, value_reply
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.services import STEERED, SteeredService

SEEN_HEADERS: Final = ("If-Match", "Prefer")
SEEN_PROBLEMS: Final = (
    *("missing_scope", "unknown_name", "stale_revision", "precondition_failed", "precondition_required"),
    "refused",
)

router = Router()


def steered_service(name: str) -> SteeredService:
    """The service that a path names.

    Raises:
        Problem: there is no such service.
    """
    if name not in STEERED:
        raise Problem("unknown_name", f"no such service; there are {', '.join(STEERED)}")
    return STEERED[name]


@register(
    router,
    "/services",
    operation_id="list_services",
    summary="All services",
    tag="services",
    answer=answers.ServiceList,
    example="/services",
    permission="operations",
    problems=("missing_scope",),
)
async def services(request: HttpRequest) -> HttpResponse:
    """The services that operators can steer, and the newest revision of each."""
    overview = (await installation(request)).overview
    newest = await sync_to_async(history.newest_of_each)(STEERED)
    listed = [
        answers.ServiceSummary(
            name=name,
            revision=newest[name].number if name in newest else 0,
            outcome=revision_answer(newest[name]).outcome if name in newest else None,
            running=sum(view.report.service == name for view in overview.running),
        )
        for name in STEERED
    ]
    return value_reply(request, answers.ServiceList(services=listed, unread=overview.unread))


@register(
    router,
    "/services/{service}",
    operation_id="get_service",
    summary="A service",
    tag="services",
    answer=answers.ServiceAnswer,
    example="/services/web",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def service(request: HttpRequest, service: str) -> HttpResponse:
    """The settings of a service, with their declarations, and what each of its processes applies.

    Send the `ETag` as `If-Match` when you change the service.
    """
    steered = steered_service(service)
    newest = await sync_to_async(history.newest)(service)
    answer = _described(steered, newest, (await installation(request)).overview)
    body = msgspec.json.encode(answer)
    number = newest.number if newest else 0
    return tagged_reply(request, f'"{number}-{zlib.crc32(body):08x}"', body)


@register(
    router,
    "/services/{service}",
    operation_id="change_service",
    summary="Change settings of a service",
    tag="services",
    method="PATCH",
    body=SettingsChange,
    answer=answers.RevisionAnswer,
    example="/services/web",
    example_body={"settings": {"banner": "Maintenance at 20:00"}, "reason": "planned", "expected": 0},
    headers=SEEN_HEADERS,
    permission="control",
    problems=SEEN_PROBLEMS,
    may_take_time=True,
)
async def change(request: HttpRequest, service: str) -> HttpResponse:
    """Make a new revision of the settings. Processes apply it within 2 s, or say why they refuse it."""
    steered_service(service)
    body = body_of(request, SettingsChange)
    if not body.settings:
        detail = "settings is empty; accepted: one or more settings"
        raise Problem("invalid_parameter", detail, faults=[Fault("#/body/settings", detail)])
    seen = seen_revision(request, body.expected, must_be_said=True)
    given = {name: value for name, value in body.settings.items() if value is not None}
    actor = caller_of(request).actor(request)

    def revise() -> Revision:
        return changes.change(
            service,
            given,
            unset=[name for name in body.settings if name not in given],
            actor=actor,
            reason=body.reason,
            expected=seen.number,
        )

    with refusals_as_problems("settings", by_header=seen.by_header):
        revision = await sync_to_async(revise)()
    return await _revision_reply(request, revision)


@register(
    router,
    "/services/{service}/restore",
    operation_id="restore_service",
    summary="Restore an earlier revision",
    tag="services",
    method="POST",
    body=Restoration,
    answer=answers.RevisionAnswer,
    example="/services/web/restore",
    example_body={"revision": 0, "reason": "back to the environment", "expected": 1},
    headers=SEEN_HEADERS,
    permission="control",
    problems=SEEN_PROBLEMS,
    may_take_time=True,
)
async def restore(request: HttpRequest, service: str) -> HttpResponse:
    """Make a new revision that is equal to an earlier one."""
    steered_service(service)
    body = body_of(request, Restoration)
    seen: Seen = seen_revision(request, body.expected, must_be_said=True)
    actor = caller_of(request).actor(request)

    def revise() -> Revision:
        return changes.restore(service, body.revision, actor=actor, reason=body.reason, expected=seen.number)

    with refusals_as_problems("revision", named=False, by_header=seen.by_header):
        revision = await sync_to_async(revise)()
    return await _revision_reply(request, revision)


async def _revision_reply(request: HttpRequest, made: Revision) -> HttpResponse:
    number, name = made.number, made.service
    revision, status = await settled(
        request, lambda: history.revision(name, number), lambda found: found.outcome
    )
    place = f"/api/v1/services/{name}/revisions/{number}"
    return json_answer(revision_answer(revision), status, Location=place, ETag=f'"{number}"')


def _described(steered: SteeredService, newest: Revision | None, overview: Overview) -> answers.ServiceAnswer:
    given: Given = newest.given if newest else {}
    wanted = steered.wanted(given, version=newest.number if newest else 0)
    settings = [
        answers.SettingAnswer(
            name=name,
            value=msgspec.to_builtins(getattr(wanted, name)),
            given=name in given,
            explanation=declared.explanation,
            accepted=declared.accepted,
            value_schema=value_schema(declared),
            unit=declared.unit,
            applies=declared.applies.value,
            variable=declared.variable,
        )
        for name, declared in declarations(steered.kind).items()
    ]
    processes = [
        answers.ProcessSettings(
            process=view.report.identity,
            life=view.life.value,
            applied_revision=status.applied_version,
            refused_revision=status.refused_version,
            refusal=status.refusal,
        )
        for view in overview.processes
        if view.report.service == steered.name and (status := view.report.status.settings) is not None
    ]
    return answers.ServiceAnswer(
        name=steered.name,
        newest=revision_answer(newest) if newest else None,
        settings=settings,
        processes=processes,
        unread=overview.unread,
    )
