"""The list of the versions of the protocol. A new version needs its module and an entry here."""

from collections.abc import Collection
from typing import Final

from widgets.protocol.v2 import VERSION_2
from widgets.protocol.version import ProtocolVersion

VERSIONS: Final[tuple[ProtocolVersion, ...]] = (VERSION_2,)
"""The preferred version is first."""

SUBPROTOCOLS: Final = tuple(version.subprotocol for version in VERSIONS)


def negotiated(offered: Collection[str]) -> ProtocolVersion | None:
    """The preferred one of the versions that a client offers by subprotocol; None if it offers none."""
    return next((version for version in VERSIONS if version.subprotocol in offered), None)
