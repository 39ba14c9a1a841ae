"""What the installation does: the verdict with the whole overview, and its parts."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketdata.control.document import InstallationDocument
from mdp_site.api.control import answers
from mdp_site.api.control.steering import installation
from mdp_site.api.operations import register
from mdp_site.api.replies import value_reply

router = Router()


@register(
    router,
    "/operations",
    operation_id="get_operations",
    summary="The verdict, and all that it is made from",
    tag="operations",
    answer=InstallationDocument,
    example="/operations",
    permission="operations",
    problems=("missing_scope",),
)
async def operations(request: HttpRequest) -> HttpResponse:
    """The document of the operations page. docs/operations.md explains its members."""
    return value_reply(request, await installation(request))


@register(
    router,
    "/processes",
    operation_id="list_processes",
    summary="All processes",
    tag="operations",
    answer=answers.ProcessList,
    example="/processes",
    permission="operations",
    problems=("missing_scope",),
)
async def processes(request: HttpRequest) -> HttpResponse:
    """The processes, with their newest reports."""
    return await _part(request, answers.ProcessList, "processes")


@register(
    router,
    "/queues",
    operation_id="list_queues",
    summary="All queues",
    tag="operations",
    answer=answers.QueueList,
    example="/queues",
    permission="operations",
    problems=("missing_scope",),
)
async def queues(request: HttpRequest) -> HttpResponse:
    """The queues, with the age of the oldest batch and their books."""
    return await _part(request, answers.QueueList, "queues")


@register(
    router,
    "/shards",
    operation_id="list_shards",
    summary="All shards",
    tag="operations",
    answer=answers.ShardList,
    example="/shards",
    permission="operations",
    problems=("missing_scope",),
)
async def shards(request: HttpRequest) -> HttpResponse:
    """The shards, with their owners and hand-overs."""
    return await _part(request, answers.ShardList, "shards")


@register(
    router,
    "/reference",
    operation_id="get_reference",
    summary="The reference data",
    tag="operations",
    answer=answers.ReferenceAnswer,
    example="/reference",
    permission="operations",
    problems=("missing_scope",),
)
async def reference(request: HttpRequest) -> HttpResponse:
    """The trading day of the reference data, when it was loaded, and what is missing."""
    return await _part(request, answers.ReferenceAnswer, "reference")


@register(
    router,
    "/jobs",
    operation_id="list_jobs",
    summary="All scheduled jobs",
    tag="operations",
    answer=answers.JobList,
    example="/jobs",
    permission="operations",
    problems=("missing_scope",),
)
async def jobs(request: HttpRequest) -> HttpResponse:
    """The jobs: their last and next run, how late they are, and their failures."""
    return await _part(request, answers.JobList, "jobs")


async def _part(request: HttpRequest, answer: type[msgspec.Struct], name: str) -> HttpResponse:
    """The part of the newest overview with this name, when it was read, and what could not be."""
    overview = (await installation(request)).overview
    part = {name: getattr(overview, name)}
    return value_reply(request, answer(read_at_ms=overview.read_at_ms, unread=overview.unread, **part))
