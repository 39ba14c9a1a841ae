"""The list of the versions of the protocol. A new version needs its module and an entry here."""

from collections.abc import Collection
from typing import Final, TypeAlias

from widgets.protocol.v2 import VERSION_2, Version2
from widgets.protocol.v2_packed import VERSION_2_PACKED, PackedVersion2

Dialogue2: TypeAlias = Version2 | PackedVersion2
"""The versions that share the messages of version 2, in different encodings."""

VERSIONS: Final[tuple[Dialogue2, ...]] = (VERSION_2, VERSION_2_PACKED)
"""The preferred version is first."""

SUBPROTOCOLS: Final = tuple(version.subprotocol for version in VERSIONS)


def negotiated(offered: Collection[str]) -> Dialogue2 | None:
    """The preferred one of the versions that a client offers by subprotocol; None if it offers none."""
    return next((version for version in VERSIONS if version.subprotocol in offered), None)
