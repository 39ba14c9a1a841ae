"""What changes have in common: who acts, what was seen, how long to wait, and how refusals are answered."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse

from marketdata.control import InvalidSettings, RevisionOutcome
from marketdata.control.document import InstallationDocument, InstallationReader
from marketdata.errors import MarketDataError
from mdp_site.api.control.answers import RevisionAnswer
from mdp_site.api.problems import Fault, Problem, pointer_part
from mdp_site.api.services import services_of
from mdp_site.control_plane.changes import NotAllowed, ReasonRefused, StaleRevision
from mdp_site.control_plane.due import DUE_IN_SCOPE, Due
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.presentation import revision_values
from mdp_site.operations_page import INSTALLATION_IN_SCOPE

LONGEST_WAIT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.25
"""From one look at an outcome to the next one. The process that delivers may be another one, so there is
nobody to tell this one."""

_TAG: Final = re.compile(r'"(?P<number>\d{1,10})(?:-[^"]*)?"')
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])")

T = TypeVar("T")


class Seen(NamedTuple):
    """The revision that must be the newest one; None: any. `by_header`: `If-Match` said so."""

    number: int | None
    by_header: bool


def seen_revision(request: HttpRequest, expected: int | None, *, must_be_said: bool) -> Seen:
    """The revision that the client saw, by `If-Match` or by `expected` of the body.

    The ETag of a service begins with the number of its newest revision.

    Raises:
        Problem: both are there and differ; or none is, and it `must_be_said`.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if expected is None and must_be_said:
            raise Problem(
                "precondition_required", "accepted: If-Match with the ETag of the service, or expected"
            )
        return Seen(expected, by_header=False)
    if header.strip() == "*":
        return Seen(expected, by_header=False)
    found = _TAG.fullmatch(header.strip())
    if found is None:
        raise Problem(
            "precondition_failed", "If-Match is no ETag of a service; accepted: that of its answer, or *"
        )
    number = int(found["number"])
    if expected not in {None, number}:
        raise Problem("bad_request", f"If-Match says revision {number}, and expected says {expected}")
    return Seen(number, by_header=True)


def wait_seconds(request: HttpRequest) -> float:
    """How long the client wants to wait for the outcome: `Prefer: wait=N` (RFC 7240, section 4.3)."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else 0.0


async def settled(
    request: HttpRequest, read: Callable[[], T], outcome: Callable[[T], str]
) -> tuple[T, HTTPStatus]:
    """What `read` gives as soon as its outcome is known, or after the wait. Lets the delivery look at once.

    The status is 202 while the outcome is pending.
    """
    due: Due = request.scope[DUE_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    due.set()
    clock = services_of(request).clock
    until = clock.monotonic() + wait_seconds(request)
    while True:
        value = await sync_to_async(read)()
        if outcome(value) != RevisionOutcome.PENDING:
            return value, HTTPStatus.OK
        left = until - clock.monotonic()
        if left <= 0:
            return value, HTTPStatus.ACCEPTED
        await asyncio.sleep(min(LOOK_SECONDS, left))


@contextlib.contextmanager
def refusals_as_problems(member: str, *, named: bool = True, by_header: bool = False) -> Iterator[None]:
    """Turn what the control plane refuses into a problem.

    `member` of the body has the values, or with `named` a value for each name.

    Raises:
        Problem: it was refused. Nothing was changed.
    """
    try:
        yield
    except NotAllowed as error:
        raise Problem("no_right", str(error)) from error
    except StaleRevision as error:
        code = "precondition_failed" if by_header else "stale_revision"
        raise Problem(code, str(error)[:1_000], newer=revision_answers(error.revisions)) from error
    except InvalidSettings as error:
        faults = [
            Fault(f"#/body/{member}" + (f"/{pointer_part(name)}" if named else ""), text)
            for name, text in error.errors.items()
        ]
        raise Problem("invalid_parameter", str(error)[:1_000], faults=faults[:100]) from error
    except ReasonRefused as error:
        raise Problem("invalid_parameter", str(error), faults=[Fault("#/body/reason", str(error))]) from error
    except MarketDataError as error:
        raise Problem("refused", str(error)[:1_000]) from error


def revision_answer(revision: Revision) -> RevisionAnswer:
    """A revision, with what became of it."""
    return msgspec.convert(revision_values(revision), RevisionAnswer)


def revision_answers(revisions: Sequence[Revision]) -> Sequence[RevisionAnswer]:
    """The newest of some revisions, at most so many as an answer should have."""
    return [revision_answer(each) for each in revisions[-20:]]


async def installation(request: HttpRequest) -> InstallationDocument:
    """The newest overview of the installation, with its verdict."""
    reader: InstallationReader = request.scope[INSTALLATION_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    return await reader.newest()


def json_answer(value: msgspec.Struct, status: HTTPStatus, **headers: str) -> HttpResponse:
    """The answer to a change. Underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return HttpResponse(
        msgspec.json.encode(value), status=status, content_type="application/json", headers=named
    )
