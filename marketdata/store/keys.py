"""Every Redis key and channel of the platform with its lifetime: the one place that spells them.

A channel bears the name of the key that it announces: who hears the news can read it there.
The queues' own keys live in `marketdata.transport.redis_lists`, under `mdq:`.
"""

from typing import Final

import msgspec

ROWS_TTL_SECONDS: Final = 24 * 3600
BOARD_TTL_SECONDS: Final = 3 * 24 * 3600
STREAM_TTL_SECONDS: Final = 24 * 3600
STREAM_BLOCKS: Final = 2_000
UNKNOWN_TTL_SECONDS: Final = 24 * 3600
UNKNOWN_PIECES: Final = 1_000
TAPE_TTL_SECONDS: Final = ROWS_TTL_SECONDS + 2 * 3600
"""Longer than the note that all tapes of a shard are stored, so while that lives none of them has expired."""

REFERENCE_TTL_SECONDS: Final = 26 * 3600  # more than a day: the data of a day lives until that of the next


class Keys(msgspec.Struct, frozen=True):
    """Key and channel names under one prefix, so that tests and tenants can share a server.

    With the default empty prefix the names are the ones that users of such platforms know.
    """

    prefix: str = ""

    def rows(self, shard: int) -> str:
        """Row block: value = all rows of a shard at its newest tick; channel = the rows changed at each."""
        return f"{self.prefix}mdp:rows:{shard}"

    def sheet(self, shard: int, name: str) -> str:
        """Row block: one sheet of a shard, which belongs to its checkpoint (value)."""
        return f"{self.prefix}mdp:sheet:{shard}:{name}"

    def stream(self, shard: int, name: str) -> str:
        """Row blocks of what happened in a shard, oldest first (bounded list); channel = the newest."""
        return f"{self.prefix}mdp:stream:{shard}:{name}"

    def tape(self, symbol: str) -> str:
        """The newest trades of a symbol (value): see `marketdata.tapes`."""
        return f"{self.prefix}mdp:tape:{symbol}"

    def tapes(self, shard: int) -> str:
        """The day whose tapes are all stored, as a tape's header (value); absent where some may not be."""
        return f"{self.prefix}mdp:tapes:{shard}"

    def unknown(self, shard: int) -> str:
        """What a shard's processor could not understand, oldest first (bounded list); nobody is told."""
        return f"{self.prefix}mdp:unknown:{shard}"

    def refused(self, shard: int) -> str:
        """Row block: the symbols that got no row in a shard, with the day's events of each (value)."""
        return f"{self.prefix}mdp:refused:{shard}"

    def board(self, feed: str) -> str:
        """Row block of a leaderboard in rank order (value and channel), e.g. `scanners:top_gainers`."""
        return f"{self.prefix}{feed}"

    def leaderboard(self, feed: str) -> str:
        """Sorted set symbol -> score of a board, e.g. `leaderboard:top_gainers`."""
        return f"{self.prefix}leaderboard:{feed.removeprefix('scanners:')}"

    def reference(self) -> str:
        """Row block of reference data for the whole market (value); channel = a new one was stored."""
        return f"{self.prefix}mdc:reference"

    def reference_parts(self) -> str:
        """How whole the reference data is (value); stored together with the reference block."""
        return f"{self.prefix}mdc:reference_parts"

    def tickers(self) -> str:
        """Name, type and listing exchange of every symbol (value); stored before the reference block."""
        return f"{self.prefix}mdc:tickers"

    def volume_curve(self) -> str:
        """The share of a day's volume by time of day (value); stored before the reference block."""
        return f"{self.prefix}mdc:volume_curve"

    def single(self, kind: str, symbol: str) -> str:
        """What was asked about one symbol, or that there is nothing (value), e.g. `mdc:free_float:AAPL`."""
        return f"{self.prefix}mdc:{kind}:{symbol}"

    def single_lease(self, kind: str, symbol: str) -> str:
        """Who asks about one symbol right now."""
        return f"{self.prefix}mdc:lock:{kind}:{symbol}"

    def listener_lease(self) -> str:
        """Who holds the one connection to the provider: a listener or a recorder."""
        return self._lease("listener")

    def scanner_lease(self) -> str:
        """Which scanner ranks the market."""
        return self._lease("scanner")

    def reference_lease(self) -> str:
        """Which job writes reference data."""
        return self._lease("reference")

    def shard_claim(self, shard: int) -> str:
        """The worker that a shard prefers, while that one can work on it."""
        return self._lease(f"shard:{shard}")

    def service(self, name: str) -> str:
        """Status of a service instance, JSON, refreshed while it lives."""
        return f"{self.prefix}mdp:service:{name}"

    def instance(self, service: str, instance: str) -> str:
        """The same of one of several processes of a service."""
        return f"{self.service(service)}:{instance}"

    def instances(self, service: str) -> str:
        """Sorted set of the keys of a service's processes, by the server's time of the newest report."""
        return f"{self.prefix}mdp:instances:{service}"

    def wanted(self, name: str) -> str:
        """Wanted state of a service, JSON (value, without an end); channel = another one was stored."""
        return f"{self.prefix}mdp:wanted:{name}"

    def _lease(self, role: str) -> str:
        return f"{self.prefix}mdp:lease:{role}"
