"""How often clients may ask: the limit of a token or session, that of its user, and that of changes.

The headers tell both, as draft-ietf-httpapi-ratelimit-headers-10 describes them: `RateLimit-Policy` has the
quota (`q`) of each policy in its window of seconds (`w`), and `RateLimit` what remains (`r`) and in how many
seconds the whole quota is there again (`t`).
"""

import math
from collections.abc import Hashable, Mapping
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.runtime.live_settings import CurrentSettings
from mdp_site.web_settings import WebSettings

MOST_KEPT: Final = 20_000
"""Beyond it, clients that have their whole quota are forgotten: a new entry is the same."""


class Spent(msgspec.Struct, frozen=True):
    """The state of a client after a request. `retry_seconds` is 0 if the request is within the limits."""

    headers: Mapping[str, str]
    retry_seconds: int


class _Policy(msgspec.Struct, frozen=True):
    name: str
    client: Hashable
    per_second: float
    burst_seconds: float

    @property
    def window_seconds(self) -> float:
        """How far a client may be ahead: at least by one request."""
        return max(self.burst_seconds, 1 / self.per_second)

    @property
    def quota(self) -> int:
        """How many requests are in this window."""
        return int(self.per_second * self.window_seconds + 1e-6)


class RateLimits:
    """Counts the requests of each client.

    For each client there is an instant (monotonic seconds) that every request moves forward by the time that
    it may take on average. It may be ahead of now by the burst. (This is the generic cell rate algorithm,
    ITU-T I.371.) A refused request moves nothing: who waits as told is served.

    Concurrency: for one event loop.
    """

    def __init__(self, settings: CurrentSettings[WebSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._until: dict[Hashable, float] = {}
        self._most_kept = MOST_KEPT

    def spend(self, credential: Hashable, user_id: int) -> Spent:
        """Count a request that reads, with this token or session, which belongs to this user."""
        limits = self._settings.current
        burst = limits.api_burst_seconds
        return self._spend(
            _Policy("token", credential, limits.api_requests_per_second, burst),
            _Policy("user", user_id, limits.api_requests_per_second_of_user, burst),
        )

    def spend_change(self, user_id: int) -> Spent:
        """Count a request of this user that changes something."""
        limits = self._settings.current
        client = ("changes", user_id)
        return self._spend(
            _Policy("changes", client, limits.api_changes_per_second, limits.api_burst_seconds)
        )

    def _spend(self, *policies: _Policy) -> Spent:
        now = self._clock.monotonic()
        after = {each: max(self._until.get(each.client, now), now) + 1 / each.per_second for each in policies}
        wait = max(until - each.window_seconds - now for each, until in after.items())
        if wait <= 1e-9:
            self._until.update({each.client: until for each, until in after.items()})
            self._forget(now)
        headers = {
            "RateLimit-Policy": ", ".join(
                f'"{each.name}";q={each.quota};w={math.ceil(each.window_seconds)}' for each in policies
            ),
            "RateLimit": ", ".join(self._state(each, now) for each in policies),
        }
        return Spent(headers, max(1, math.ceil(wait)) if wait > 1e-9 else 0)

    def _state(self, policy: _Policy, now: float) -> str:
        ahead = max(0.0, self._until.get(policy.client, now) - now)
        remaining = max(0, int((policy.window_seconds - ahead) * policy.per_second + 1e-6))
        return f'"{policy.name}";r={remaining};t={math.ceil(ahead)}'

    def _forget(self, now: float) -> None:
        if len(self._until) > self._most_kept:
            self._until = {client: until for client, until in self._until.items() if until > now}
            self._most_kept = max(MOST_KEPT, 2 * len(self._until))  # so this is rare, however many ask
