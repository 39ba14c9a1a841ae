"""The errors of `marketdata`.

An error whose name ends in `Unavailable` is temporary: the same call may succeed later. Every other error is
about content or configuration: the same call fails again.
"""


class MarketDataError(Exception):
    """Base of all errors that `marketdata` raises on purpose."""


class Unavailable(MarketDataError):
    """A connection failed; a later attempt may succeed."""


class ConfigurationError(MarketDataError):
    """A setting is wrong. The message names the setting, its value and what is accepted."""


class ContentError(MarketDataError):
    """Bytes that do not follow the expected format.

    `reason` is one of a small fixed set of words, since it becomes a metric label.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TransportError(MarketDataError):
    """Base of the errors of the queue transports."""


class TransportUnavailable(TransportError, Unavailable):
    """The broker cannot be reached or has gone away; a later attempt may succeed."""


class PublishersBlocked(TransportUnavailable):
    """The broker is connected but accepts no messages (memory or disk alarm) until it has room again."""


class TopologyMismatch(TransportError):
    """A queue exists with other properties than ours; only an operator can correct this."""


class OwnershipLost(TransportError):
    """Another subscriber owns the shard now. State built for it here must be discarded."""


class StoreUnavailable(Unavailable):
    """The cache (Redis or Valkey) cannot be reached; a later attempt may succeed."""


class ProviderUnavailable(Unavailable):
    """The provider's feed or REST service cannot be reached; a later attempt may succeed."""


class ProviderRefused(MarketDataError):
    """The provider refused a request: bad key, missing entitlement, too many connections.

    `reason` is a word such as `auth_failed`, `max_connections` or `not_entitled`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
