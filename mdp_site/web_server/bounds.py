"""Who may connect: the bounds by address and for the whole process, shared by all connections of a server."""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Final

from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.garbage_collection import tune_garbage_collection
from marketdata.runtime.live_settings import CurrentSettings
from mdp_site.web_server.reasons import Reason
from mdp_site.web_server.sockets import most_connections
from mdp_site.web_settings import WebSettings

CONNECTIONS_PER_TUNING: Final = 100
"""So many new WebSockets are some 13,000 objects, which later collections need not visit. The pause grows
with their number, and all pauses together cost the same. After 500 it was 0.1 s on a busy machine."""
IPV6: Final = 6
IPV6_PREFIX_BITS: Final = 64
"""One customer has a whole network of IPv6 addresses (RFC 6177), so all of it counts as one address."""

Peer = tuple[str, int] | None
_log: Final = RateLimitedLog(get_logger(__name__))


class ConnectionBounds:
    """Counts connections and handshakes by address. A trusted proxy's own address has no bound.

    A WebSocket that comes through a trusted proxy counts as a connection of the proxy's client.

    The limits are read from `live` at each decision. A lower limit ends no open connection.
    """

    def __init__(self, live: CurrentSettings[WebSettings], trusted_proxies: Sequence[str] = ()) -> None:
        self._live = live
        self._trusted = [ipaddress.ip_network(each) for each in trusted_proxies]
        self._connections: Counter[str] = Counter()
        self._handshakes: Counter[str] = Counter()
        self._open = 0
        self._accepted = 0

    @property
    def limits(self) -> WebSettings:
        """The limits that hold now."""
        return self._live.current

    def connect(self, peer: Peer) -> Reason | None:
        """Count a new connection. Returns why it must be refused. Call `disconnect` in either case."""
        address = self._counted_address(peer)
        self._open += 1
        metrics.WEB_CONNECTIONS.set(self._open)
        self._connections[address] += 1
        if self._open > most_connections():
            return Reason.CONNECTIONS
        if address and self._connections[address] > self.limits.connections_per_address:
            return Reason.ADDRESS_CONNECTIONS
        return None

    def disconnect(self, peer: Peer) -> None:
        """Count the end of a connection."""
        self._open -= 1
        metrics.WEB_CONNECTIONS.set(self._open)
        _discount(self._connections, self._counted_address(peer))

    def begin_handshake(self, client: Peer, peer: Peer) -> Reason | None:
        """Count a WebSocket handshake under way. Returns why it must be refused; then it is not counted.

        `client` is the address that the application sees: behind a trusted proxy, that of the proxy's client.
        That client's connection is counted here, since `connect` knew only its `peer`, the proxy. Call
        `end_handshake`, and `leave` at the end of the connection.
        """
        address, limits = self._counted_address(client), self.limits
        if address and self._handshakes[address] >= limits.handshakes_per_address:
            return Reason.ADDRESS_HANDSHAKES
        if self._is_proxied(client, peer):
            if address and self._connections[address] >= limits.connections_per_address:
                return Reason.ADDRESS_CONNECTIONS
            self._connections[address] += 1
        self._handshakes[address] += 1
        return None

    def end_handshake(self, client: Peer) -> None:
        """Count the end of a handshake."""
        _discount(self._handshakes, self._counted_address(client))

    def leave(self, client: Peer, peer: Peer) -> None:
        """Count the end of a connection whose handshake was counted. `disconnect` counts that of the peer."""
        if self._is_proxied(client, peer):
            _discount(self._connections, self._counted_address(client))

    def _is_proxied(self, client: Peer, peer: Peer) -> bool:
        return client != peer and self._counted_address(client) != self._counted_address(peer)

    def note_accepted(self) -> None:
        """Count an accepted WebSocket, and exclude many of them at a time from garbage collection."""
        self._accepted += 1
        if self._accepted % CONNECTIONS_PER_TUNING == 0:
            tune_garbage_collection()

    def cut_off(self, reason: Reason, peer: Peer) -> None:
        """Count a client that is refused or cut off. The log holds similar lines back."""
        metrics.WEB_CUT_OFF.labels(reason.value).inc()
        _log.warning("client cut off", reason=reason.value, address=None if peer is None else peer[0])

    def _counted_address(self, peer: Peer) -> str:
        """The address by which a client is counted; empty for one without bounds."""
        try:
            address = ipaddress.ip_address("" if peer is None else peer[0].partition("%")[0])
        except ValueError:  # a local socket, or a proxy's "unknown"
            return "" if peer is None else peer[0]
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._trusted):
            return ""
        if address.version == IPV6:
            return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))
        return str(address)


def _discount(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if not counts[address]:
        del counts[address]
