"""The bodies of requests: their members, and how they are read."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from msgspec import Meta

from mdp_site.api.problems import Fault, Problem, pointer_part

JSON_TYPE: Final = "application/json"
LONGEST_BODY_BYTES: Final = 65_536
HIGHEST_REVISION: Final = 1_000_000_000

Reason: TypeAlias = Annotated[
    str,
    Meta(description="Why. It is in the audit.", max_length=1_000, examples=["too loud"]),
]
Expected: TypeAlias = Annotated[
    Annotated[int, Meta(ge=0, le=HIGHEST_REVISION)] | None,
    Meta(
        description="The number of the newest revision that you saw; 0: there was none. If there is a newer "
        "one, nothing is changed.",
        examples=[3],
    ),
]
ActionArguments: TypeAlias = Annotated[
    Mapping[str, Any],
    Meta(description="As the action's `arguments` say.", examples=[{"service": "listener"}]),
]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request. Members that it does not have are refused."""


class SettingsChange(Body, frozen=True, kw_only=True):
    """New settings of a service."""

    settings: Annotated[
        Mapping[str, Any],
        Meta(
            description="The settings to change, by name. Null: back to the value of the environment.",
            examples=[{"log_level": "WARNING", "trace_sampling": None}],
        ),
    ]
    reason: Reason = ""
    expected: Expected = None


class Restoration(Body, frozen=True, kw_only=True):
    """An earlier revision, which shall be the newest one again."""

    revision: Annotated[
        int,
        Meta(description="Its number. 0: the environment alone.", ge=0, le=HIGHEST_REVISION, examples=[1]),
    ]
    reason: Reason = ""
    expected: Expected = None


class ImpactQuestion(Body, frozen=True, kw_only=True):
    """An action that shall not be run yet."""

    arguments: ActionArguments = {}


class RunWish(Body, frozen=True, kw_only=True):
    """An action that shall be run."""

    arguments: ActionArguments = {}
    reason: Reason = ""
    expected: Expected = None


class Revocation(Body, frozen=True, kw_only=True):
    """The end of a token."""

    reason: Reason = ""


BODIES: Final = (SettingsChange, Restoration, ImpactQuestion, RunWish, Revocation)

B = TypeVar("B", bound=Body)

_PLACE: Final = re.compile(r" - at `\$(?P<path>.*)`\Z", re.DOTALL)
_PART: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>.*)`", re.DOTALL)


def check_body(request: HttpRequest) -> None:
    """Check what can be said of a body before it is read.

    Raises:
        Problem: it is not JSON, or longer than `LONGEST_BODY_BYTES`.
    """
    given = request.content_type or ""
    if given != JSON_TYPE:
        detail = f"Content-Type is {given[:100]!r}; accepted: {JSON_TYPE}"
        raise Problem("unsupported_media_type", detail)
    accepted = f"accepted: at most {LONGEST_BODY_BYTES}"
    try:
        length_bytes = len(request.body)
    except RequestDataTooBig as error:  # Django reads no body of so many bytes
        raise Problem("too_large", f"the body has too many bytes; {accepted}") from error
    if length_bytes > LONGEST_BODY_BYTES:
        raise Problem("too_large", f"the body has {length_bytes} bytes; {accepted}")


def body_of(request: HttpRequest, kind: type[B]) -> B:
    """The body of a request.

    Raises:
        Problem: it is not as `kind` says; the problem points to the wrong member.
    """
    try:
        body = msgspec.json.decode(request.body, type=kind)
        # Only for its names: msgspec keeps the last of two equal ones. `int` refuses numbers of many digits.
        json.loads(request.body, object_pairs_hook=_refuse_repeated_names, parse_int=str)
    except msgspec.ValidationError as error:
        place = _pointer(str(error))
        text = _PLACE.sub("", str(error))
        raise Problem("invalid_parameter", f"body{place}: {text}", faults=[Fault(f"#/body{place}", text)]) \
            from error  # fmt: skip
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("bad_request", f"the body is not JSON: {error}") from error
    return body


def _refuse_repeated_names(members: Sequence[tuple[str, object]]) -> None:
    """Refuse an object that has a name twice: each reader takes another one of the values (RFC 8259).

    Raises:
        Problem: a name is there twice.
    """
    names: set[str] = set()
    for name, _ in members:
        if name in names:
            detail = f"{name[:100]!r} is there twice; accepted: once"
            raise Problem("invalid_parameter", f"body: {detail}", faults=[Fault("#/body", detail)])
        names.add(name)


def _pointer(message: str) -> str:
    """The JSON pointer to what a message of msgspec is about, such as `$.settings[0]`.

    msgspec writes `[...]` for a member of a mapping. Its name is unknown, so the mapping is pointed to.
    """
    found = _PLACE.search(message)
    path = found.group("path").partition("[...]")[0] if found else ""
    names = [name or number for name, number in _PART.findall(path)]
    if unknown := _UNKNOWN.search(message):
        names.append(unknown.group("name"))
    return "".join(f"/{pointer_part(name)}" for name in names)
