"""The options of all commands that serve a provider's protocol."""

import argparse
from collections.abc import Collection, Mapping
from typing import Any, Final

from marketdata.management.service_command import port_number
from marketdata.providers.emulator import DEFAULT_HOST, DEFAULT_PORT, ApiKey

_DEFAULT_KEY: Final = "demo"


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the address, the API keys and the number of connections."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        help="port for WebSocket and REST (default: %(default)s); 0 takes a free one",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        metavar="KEY[:CHANNELS]",
        help="accept this key, entitled to these channels (default: all); repeatable",
    )
    parser.add_argument("--max-connections", type=int, default=1, help="per key (default: %(default)s)")


def accepted_keys(options: Mapping[str, Any], known_channels: Collection[str]) -> tuple[ApiKey, ...]:
    """The API keys in the options; by default `demo` with all channels.

    Raises:
        ConfigurationError: one of them is not a key; the message names it.
    """
    return tuple(ApiKey.parse(text, known_channels) for text in options["api_key"] or [_DEFAULT_KEY])
