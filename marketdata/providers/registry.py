"""The providers by name: the only module that refers to the packages of the providers."""

import functools
import importlib
import inspect
from collections.abc import Sequence
from typing import Any, Final

from marketdata.errors import ConfigurationError, ContentError
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin
from marketdata.providers.wire_format import BatchDecoder, WireFormat
from marketdata.transport.queues import QueueName

_PACKAGES: Final = {
    "massive": "marketdata.providers.massive",
    "replay": "marketdata.providers.replay",
}
DEFAULT_PROVIDER: Final = "massive"
_TEMPLATE: Final = "marketdata/providers/_template"
_MISSING: Final = object()


def provider_names() -> tuple[str, ...]:
    """The names that are accepted, in the order of their registration."""
    return tuple(_PACKAGES)


@functools.cache
def provider_plugin(name: str) -> ProviderPlugin[Any]:
    """The provider of this name. Its package is imported at the first call.

    Raises:
        ConfigurationError: no provider has the name, or its package lacks a part; the message says which.
    """
    package = _PACKAGES.get(name)
    if package is None:
        raise ConfigurationError(f"MARKET_DATA_PROVIDER is {name!r}; accepted: {', '.join(provider_names())}")
    module_name = f"{package}.plugin"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name not in (package, module_name):
            raise ConfigurationError(
                f"provider {name}: {module_name} needs the module {error.name}, which is missing; "
                f"{_TEMPLATE} shows all parts"
            ) from error
        raise ConfigurationError(
            f"provider {name}: the module {module_name} is missing; expected: a module with PLUGIN, "
            f"as {_TEMPLATE}/plugin.py has it"
        ) from error
    plugin: Any = getattr(module, "PLUGIN", None)
    if missing := _missing_parts(plugin):
        raise ConfigurationError(
            f"provider {name}: PLUGIN in {module_name} lacks {'; '.join(missing)}. "
            f"{_TEMPLATE}/plugin.py shows all parts"
        )
    if plugin.name != name:
        raise ConfigurationError(
            f"provider {name}: PLUGIN in {module_name} calls itself {plugin.name!r}; expected: {name!r}"
        )
    checked: ProviderPlugin[Any] = plugin
    return checked


@functools.cache
def wire_format(name: str) -> WireFormat:
    """The format that a batch names.

    Raises:
        ContentError: reason `unknown_format`; no provider here has a format of this name.
    """
    if name in _PACKAGES and (found := provider_plugin(name).wire_format) is not None:
        return found
    raise ContentError("unknown_format", f"{name!r}; known are the formats of {', '.join(provider_names())}")


def recorded_format(name: str) -> WireFormat:
    """The format that a recording names. Older recordings name none: there was one provider.

    Raises:
        ContentError: see `wire_format`.
    """
    return wire_format(name or DEFAULT_PROVIDER)


@functools.cache
def batch_decoder(format_name: str, queue: QueueName, columns: tuple[str, ...]) -> BatchDecoder:
    """The decoder of the batches of a format and queue into columns of `marketdata.events`.

    Raises:
        ContentError: see `wire_format`.
    """
    try:
        return wire_format(format_name).decoder(queue, columns)
    except KeyError as error:
        raise ContentError("unknown_format", f"{format_name!r} has no {error} in {queue}") from error


def provider_emulator(name: str) -> Emulator:
    """The emulator of the provider with this name.

    Raises:
        ConfigurationError: there is no such provider, or it has no emulator; the message names those that do.
    """
    emulator = provider_plugin(name).emulator() if name in _PACKAGES else None
    if emulator is None:
        those = [other for other in _PACKAGES if provider_plugin(other).emulator() is not None]
        raise ConfigurationError(
            f"the protocol of the provider {name!r} cannot be served; "
            f"providers with an emulator: {', '.join(those)}"
        )
    return emulator


def _missing_parts(plugin: object) -> Sequence[str]:
    """The missing parts, each with its expected signature and the first line of its docstring.

    No part is called: a format loads compiled code, which not every process needs.
    """
    return [
        f"{part} (expected: {_expected(part, declared)})"
        for part, declared in vars(ProviderPlugin).items()
        if not part.startswith("_") and inspect.getattr_static(plugin, part, _MISSING) is _MISSING
    ]


def _expected(part: str, declared: object) -> str:
    summary = (inspect.getdoc(declared) or "").partition("\n")[0]
    if not inspect.isfunction(declared):
        return f"{part}: {summary}"
    parameters = [name for name in inspect.signature(declared).parameters if name != "self"]
    return f"{part}({', '.join(parameters)}): {summary}"
