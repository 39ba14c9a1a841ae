"""Checks that each kind of feed keeps the interface (`source`), before a hub uses it."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Final

from marketdata.errors import ConfigurationError
from widgets.hub.feeds.feed import RATES_HZ
from widgets.hub.feeds.source import FeedSource

_METHODS: Final = ("__init__", "channels", "open", "close", "take", "missed", "restore", "greet")
_TEXTS: Final = {
    "kind": "the name of the kind",
    "permission": "the permission that a viewer needs, as `mdp_site.accounts.roles` grants it",
}


def by_kind(kinds: Iterable[type[FeedSource]]) -> Mapping[str, type[FeedSource]]:
    """The classes by kind.

    Raises:
        ConfigurationError: a class breaks the interface, or two serve one kind; the message says which,
            where, and what is expected.
    """
    found: dict[str, type[FeedSource]] = {}
    for source in kinds:
        for fault in _faults(source):
            raise ConfigurationError(f"{described(source)} {fault}")
        if source.kind in found:
            raise ConfigurationError(
                f"{described(source)} has the kind {source.kind!r}, as has {described(found[source.kind])}; "
                "expected: one class for each kind"
            )
        found[source.kind] = source
    return found


def described(source: type) -> str:
    """A class with its file, for a message."""
    if not inspect.isclass(source):
        return repr(source)
    return f"{inspect.getsourcefile(source)}: {source.__qualname__}"


def _faults(source: type) -> Iterable[str]:
    if not (inspect.isclass(source) and issubclass(source, FeedSource)):
        yield f"is no kind of feed; expected: a subclass of {FeedSource.__module__}.{FeedSource.__name__}"
        return
    for name, meaning in _TEXTS.items():
        text = getattr(source, name, None)
        if not (isinstance(text, str) and text):
            yield f"has the {name} {text!r}; expected: `{name}`, {meaning}"
    feeds = getattr(source, "feeds", None)
    if not (isinstance(feeds, Mapping) and feeds and all(map(_is_declaration, feeds.items()))):
        yield f"has the feeds {feeds!r}; expected: `feeds`, the names of its feeds with the columns of each"
    bounds = getattr(source, "bounds", None)
    if not (isinstance(bounds, Mapping) and all(name in (feeds or ()) for name in bounds)):
        yield f"has the bounds {bounds!r}; expected: `bounds`, `FeedBounds` by the name of a feed of its own"
    if (rate := getattr(source, "tick_hz", None)) not in RATES_HZ:
        yield f"has the tick_hz {rate!r}; expected: one of {', '.join(map(str, RATES_HZ))}"
    for name in _METHODS:
        expected, given = getattr(FeedSource, name), getattr(source, name)
        if getattr(given, "__isabstractmethod__", False):
            yield f"lacks `{name}`; expected: {_signature(name, expected)}"
        elif not callable(given) or _shape(given) != _shape(expected):
            yield f"has another `{name}`: {_signature(name, given)}; expected: {_signature(name, expected)}"


def _is_declaration(item: tuple[object, object]) -> bool:
    name, columns = item
    return (
        isinstance(name, str)
        and isinstance(columns, tuple)
        and all(isinstance(column, str) for column in columns)
    )


def _shape(method: object) -> tuple[bool, list[tuple[str, object]]]:
    """The part of a method that callers rely on: whether it is awaited, and its parameters."""
    parameters = inspect.signature(method).parameters.values() if callable(method) else ()
    return inspect.iscoroutinefunction(method), [(each.name, each.kind) for each in parameters]


def _signature(name: str, method: object) -> str:
    if not callable(method):
        return f"{name} = {method!r}"
    awaited = "async " if inspect.iscoroutinefunction(method) else ""
    return f"{awaited}def {name}{inspect.signature(method)}"
