"""The actions of operators: what there is, their impact, and their runs."""

from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketdata.control.arguments import argument_values
from marketdata.control.views import Overview
from marketdata.errors import MarketDataError
from mdp_site.api.access import caller_of
from mdp_site.api.control import answers
from mdp_site.api.control.bodies import ImpactQuestion, RunWish, body_of
from mdp_site.api.control.runs import run_answer
from mdp_site.api.control.steering import (
    installation,
    json_answer,
    refusals_as_problems,
    seen_revision,
    settled,
)
from mdp_site.api.control.value_schemas import arguments_schema
from mdp_site.api.operations import register
from mdp_site.api.problems import Problem
from mdp_site.api.replies import value_reply
from mdp_site.control_plane.actions.declared import Action
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actions.running import note_refusal, prepared, run, run_of
from mdp_site.control_plane.models import ActionRun

router = Router()


def _action(name: str) -> Action:
    if name not in ACTIONS:
        raise Problem("unknown_name", f"no such action; there are {', '.join(ACTIONS)}")
    return ACTIONS[name]


def _answer(action: Action) -> answers.ActionDefinition:
    return answers.ActionDefinition(
        name=action.name,
        label=action.label,
        explanation=action.explanation,
        arguments=arguments_schema(action.arguments),
    )


@register(
    router,
    "/actions",
    operation_id="list_actions",
    summary="All actions",
    tag="actions",
    answer=answers.ActionList,
    example="/actions",
    permission="operations",
    problems=("missing_scope",),
)
async def actions(request: HttpRequest) -> HttpResponse:
    """What operators can do, with the arguments of each action."""
    return value_reply(request, answers.ActionList(actions=[_answer(each) for each in ACTIONS.values()]))


@register(
    router,
    "/actions/{action}",
    operation_id="get_action",
    summary="An action",
    tag="actions",
    answer=answers.ActionDefinition,
    example="/actions/stop",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def action(request: HttpRequest, action: str) -> HttpResponse:
    """What an action does, and its arguments."""
    return value_reply(request, _answer(_action(action)))


@register(
    router,
    "/actions/{action}/impact",
    operation_id="get_impact",
    summary="What an action would do",
    tag="actions",
    method="POST",
    body=ImpactQuestion,
    answer=answers.ImpactAnswer,
    example="/actions/stop/impact",
    example_body={"arguments": {"service": "listener"}},
    permission="control",
    problems=("missing_scope", "unknown_name", "refused"),
)
async def impact(request: HttpRequest, action: str) -> HttpResponse:
    """The impact of an action by the newest overview. Nothing is done."""
    known = _action(action)
    body = body_of(request, ImpactQuestion)
    overview = (await installation(request)).overview
    with refusals_as_problems("arguments"):
        wish = await sync_to_async(prepared)(known.name, body.arguments, overview)
    answer = answers.ImpactAnswer(
        action=known.name,
        service=wish.service,
        arguments=argument_values(wish.arguments),
        impact=wish.impact,
    )
    return json_answer(answer, HTTPStatus.OK)


@register(
    router,
    "/actions/{action}/runs",
    operation_id="run_action",
    summary="Run an action",
    tag="actions",
    method="POST",
    body=RunWish,
    answer=answers.RunAnswer,
    example="/actions/banner/runs",
    example_body={"arguments": {"text": "Maintenance at 20:00"}, "reason": "planned"},
    headers=("If-Match", "Prefer"),
    permission="control",
    problems=("missing_scope", "unknown_name", "stale_revision", "precondition_failed", "refused"),
    may_take_time=True,
)
async def run_action(request: HttpRequest, action: str) -> HttpResponse:
    """Run an action. `Location` has the address of the run, whose outcome is pending at first."""
    known = _action(action)
    body = body_of(request, RunWish)
    seen = seen_revision(request, body.expected, must_be_said=False)
    overview = (await installation(request)).overview
    actor = caller_of(request).actor(request)

    def begin(overview: Overview) -> ActionRun:
        try:
            wish = prepared(known.name, body.arguments, overview)
        except MarketDataError as error:
            note_refusal(known.name, error, actor=actor, reason=body.reason)
            raise
        return run(wish, actor=actor, reason=body.reason, expected_revision=seen.number)

    with refusals_as_problems("arguments", by_header=seen.by_header):
        begun = await sync_to_async(begin)(overview)
    number = str(begun.pk)
    found, status = await settled(request, lambda: run_of(number), lambda each: each.outcome)
    return json_answer(run_answer(found), status, Location=f"/api/v1/runs/{number}")
