"""Every Redis key and channel of the platform, with its lifetime.

A channel has the name of the key whose change it announces. The keys of the queues are an exception: they are
in
`marketdata.transport.redis_lists`, under `mdq:`.
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
"""Longer than the lifetime of `Keys.tapes`: while that mark exists, no tape of its shard has expired."""

REFERENCE_TTL_SECONDS: Final = 26 * 3600  # more than a day: it must last until the next day's data is stored


class Keys(msgspec.Struct, frozen=True):
    """Key and channel names under one prefix, so that tests and tenants can share a server."""

    prefix: str = ""

    def rows(self, shard: int) -> str:
        """Row block: value = all rows of a shard at some tick; channel = each tick's changed rows."""
        return f"{self.prefix}mdp:rows:{shard}"

    def row_log(self, shard: int) -> str:
        """Row blocks: the changed rows of each tick since that of `rows`, oldest first (bounded list)."""
        return f"{self.prefix}mdp:row_log:{shard}"

    def private_columns(self, shard: int, name: str) -> str:
        """Row block: one group of private columns of a shard, a part of its checkpoint (value).

        Only the analyzer that declares the columns reads them.
        """
        return f"{self.prefix}mdp:sheet:{shard}:{name}"

    def stream(self, shard: int, name: str) -> str:
        """Row blocks of a stream's events in a shard, oldest first (bounded list); channel = the newest."""
        return f"{self.prefix}mdp:stream:{shard}:{name}"

    def tape(self, symbol: str) -> str:
        """The newest trades of a symbol (value): see `marketdata.tapes`."""
        return f"{self.prefix}mdp:tape:{symbol}"

    def tapes(self, shard: int) -> str:
        """The day whose tapes are all stored, as a tape's header (value). Absent if some may be missing."""
        return f"{self.prefix}mdp:tapes:{shard}"

    def unknown(self, shard: int) -> str:
        """Events that a shard's processor did not understand, oldest first (bounded list); not announced."""
        return f"{self.prefix}mdp:unknown:{shard}"

    def refused(self, shard: int) -> str:
        """Row block: symbols for which a shard had no row left, with the day's count of events (value)."""
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
        """Which parts of the reference data are complete (value); stored together with its block."""
        return f"{self.prefix}mdc:reference_parts"

    def tickers(self) -> str:
        """Name, type and listing exchange of every symbol (value); stored before the reference block."""
        return f"{self.prefix}mdc:tickers"

    def volume_curve(self) -> str:
        """The share of a day's volume by time of day (value); stored before the reference block."""
        return f"{self.prefix}mdc:volume_curve"

    def fact(self, kind: str, symbol: str) -> str:
        """A fact about one symbol, or that the provider has none (value), e.g. `mdc:free_float:AAPL`."""
        return f"{self.prefix}mdc:{kind}:{symbol}"

    def fact_lease(self, kind: str, symbol: str) -> str:
        """Lease of the process that is requesting a fact about one symbol."""
        return f"{self.prefix}mdc:lock:{kind}:{symbol}"

    def listener_lease(self) -> str:
        """Lease of the process with the one connection to the provider: a listener or a recorder."""
        return self._lease("listener")

    def scanner_lease(self) -> str:
        """Lease of the scanner that ranks the market."""
        return self._lease("scanner")

    def reference_lease(self) -> str:
        """Lease of the job that writes reference data."""
        return self._lease("reference")

    def shard_claim(self, shard: int) -> str:
        """Lease of the worker that a shard prefers, while that worker is able to own the shard."""
        return self._lease(f"shard:{shard}")

    def service(self, name: str) -> str:
        """Actual state of a service, JSON (value); it expires when the service stops renewing it."""
        return f"{self.prefix}mdp:service:{name}"

    def instance(self, service: str, instance: str) -> str:
        """Actual state of one of several processes of a service."""
        return f"{self.service(service)}:{instance}"

    def instances(self, service: str) -> str:
        """Sorted set of the keys of a service's processes, by the server's time of the newest report."""
        return f"{self.prefix}mdp:instances:{service}"

    def processes(self) -> str:
        """Hash of the newest report of each process, by identity: `marketdata.store.process_records`."""
        return f"{self.prefix}mdp:processes"

    def processes_seen(self) -> str:
        """Sorted set of the identities of processes, by the server's time of the newest report (ms)."""
        return f"{self.prefix}mdp:processes:seen"

    def installation(self) -> str:
        """Hash of the facts that all processes must hold, such as the number of shards."""
        return f"{self.prefix}mdp:installation"

    def history(self) -> str:
        """Samples of what the installation did in the last 15 minutes, oldest first (bounded list)."""
        return f"{self.prefix}mdp:history"

    def history_claimed(self) -> str:
        """When a process last took the turn to add a sample (value: ms of the server's clock)."""
        return f"{self.prefix}mdp:history:claimed"

    def questions(self) -> str:
        """Channel of questions of operators to all web processes; nothing is stored."""
        return f"{self.prefix}mdp:questions"

    def question_answers(self, question: str) -> str:
        """The answers of web processes to one question (list), for some seconds."""
        return f"{self.prefix}mdp:questions:{question}"

    def wanted(self, name: str) -> str:
        """Wanted state of a service, JSON (value, never expires); channel = a new one was stored."""
        return f"{self.prefix}mdp:wanted:{name}"

    def instructions(self, service: str) -> str:
        """Stream of the newest instructions to the processes of a service."""
        return f"{self.prefix}mdp:instructions:{service}"

    def answers(self, instruction: str) -> str:
        """Hash of the answers of processes to one instruction, by process."""
        return f"{self.prefix}mdp:answers:{instruction}"

    def _lease(self, role: str) -> str:
        return f"{self.prefix}mdp:lease:{role}"
