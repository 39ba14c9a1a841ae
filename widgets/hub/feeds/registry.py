"""The kinds of feed that there are, and the check that each keeps the interface."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from marketdata.errors import ConfigurationError
from widgets.catalog import FeedKind, StoredFeeds
from widgets.hub.feeds.board import BoardSource
from widgets.hub.feeds.events import EventSource
from widgets.hub.feeds.row import RowSource
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.status import StatusSource
from widgets.hub.feeds.tape import TapeSource

Kinds: TypeAlias = Sequence[type[FeedSource]]

KINDS: Final[Kinds] = (
    BoardSource,
    RowSource,
    EventSource,
    TapeSource,
    StatusSource,
)

_INTERFACE: Final = ("__init__", "channels", "open", "close", "take", "missed", "restore", "greet")


def by_kind(kinds: Kinds = KINDS) -> Mapping[str, type[FeedSource]]:
    """The classes by the name of their kind.

    Raises:
        ConfigurationError: a class breaks the interface, two serve one kind, or none serves a kind that the
            catalog has; the message says which, where, and what is expected.
    """
    found: dict[str, type[FeedSource]] = {}
    for source in kinds:
        for fault in _faults(source):
            raise ConfigurationError(f"{_place(source)} {fault}")
        if source.kind in found:
            raise ConfigurationError(
                f"{_place(source)} has the kind {str(source.kind)!r}, as has {_place(found[source.kind])}; "
                "expected: one class for each kind"
            )
        found[source.kind] = source
    if unserved := set(FeedKind).difference(found):
        names = ", ".join(sorted(unserved))
        raise ConfigurationError(
            f"{__name__}.KINDS lacks the kinds {names}; expected: a class for each kind that the catalog has"
        )
    return found


def announced_channels(stored: StoredFeeds, kinds: Kinds = KINDS) -> tuple[str, ...]:
    """Every channel that a kind hears, each once."""
    return tuple(dict.fromkeys(channel for source in kinds for channel in source.channels(stored)))


def _faults(source: type) -> Iterable[str]:
    if not (inspect.isclass(source) and issubclass(source, FeedSource)):
        yield f"is no kind of feed; expected: a subclass of {FeedSource.__module__}.{FeedSource.__name__}"
        return
    kind = getattr(source, "kind", None)
    if not (isinstance(kind, str) and kind):
        yield f"has the kind {kind!r}; expected: `kind`, the name that the catalog's feeds have for it"
    for name in _INTERFACE:
        expected, given = getattr(FeedSource, name), getattr(source, name)
        if getattr(given, "__isabstractmethod__", False):
            yield f"lacks `{name}`; expected: {_signature(name, expected)}"
        elif not callable(given) or _shape(given) != _shape(expected):
            yield f"has another `{name}`: {_signature(name, given)}; expected: {_signature(name, expected)}"


def _shape(method: object) -> tuple[bool, list[tuple[str, object]]]:
    """What callers rely on: whether it is to be awaited, and its parameters."""
    parameters = inspect.signature(method).parameters.values() if callable(method) else ()
    return inspect.iscoroutinefunction(method), [(each.name, each.kind) for each in parameters]


def _signature(name: str, method: object) -> str:
    if not callable(method):
        return f"{name} = {method!r}"
    awaited = "async " if inspect.iscoroutinefunction(method) else ""
    return f"{awaited}def {name}{inspect.signature(method)}"


def _place(source: type) -> str:
    if not inspect.isclass(source):
        return repr(source)
    return f"{inspect.getsourcefile(source)}: {source.__qualname__}"
