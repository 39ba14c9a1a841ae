"""The error family of the market data room.

An error whose name ends in `Unavailable` passes: the same call may succeed later. Any other is about content
or configuration, which is as wrong at the next attempt.
"""


class MarketDataError(Exception):
    """Root of every error that this room raises on purpose."""


class Unavailable(MarketDataError):
    """Trouble with a connection; a later attempt may succeed."""


class ConfigurationError(MarketDataError):
    """A setting is wrong. The message names the setting, its value and what is accepted."""


class ContentError(MarketDataError):
    """Bytes that are not what the protocol promises.

    `reason` is one of a small fixed set of words: it becomes a metric label.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TransportError(MarketDataError):
    """Root of the errors of the queue transports."""


class TransportUnavailable(TransportError, Unavailable):
    """The broker cannot be reached or has gone away; a later attempt may succeed."""


class PublishersBlocked(TransportUnavailable):
    """The broker is there and takes nothing (memory or disk alarm); it takes again once it has room."""


class TopologyMismatch(TransportError):
    """A queue exists with other properties than ours; only an operator can resolve it."""


class OwnershipLost(TransportError):
    """Another subscriber owns the shard now. State built for it here must be discarded."""


class StoreUnavailable(Unavailable):
    """The cache (Redis or Valkey) cannot be reached; a later attempt may succeed."""


class ProviderUnavailable(Unavailable):
    """The provider's feed or REST service cannot be reached; a later attempt may succeed."""


class ProviderRefused(MarketDataError):
    """The provider answered and said no: bad key, missing entitlement, too many connections.

    `reason` is a word such as `auth_failed`, `max_connections` or `not_entitled`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
