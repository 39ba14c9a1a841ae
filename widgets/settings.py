"""The limits of the Widget Data Service. Operators can change them while the web processes run."""

from typing import Annotated, Final

from marketdata.runtime.role_settings import SharedRoleSettings
from marketdata.runtime.settings import setting

SHORTEST_RESTART_MS: Final = 500
SHORTEST_LOST_MS: Final = 250
MAX_BANNER_CHARACTERS: Final = 500


class WidgetLimits(SharedRoleSettings, frozen=True, kw_only=True):
    """What one web process grants to a user, to a connection, and to all connections together.

    `message_burst_seconds`: a client may be ahead of the average of its messages and bytes by this time,
    because after a reconnection it subscribes to all its feeds at once. The same is true for a user.

    The defaults of a user are four times those of a connection: several windows at work, and not twenty.
    """

    banner: Annotated[
        str,
        setting(
            "A text for all users, on the dashboard.",
            variable="WEB_BANNER",
            longest_characters=MAX_BANNER_CHARACTERS,
        ),
    ] = ""
    connections_per_user: Annotated[
        int,
        setting(
            "WebSockets of one user to one web process. One too many is closed with 4429.",
            variable="WEB_CONNECTIONS_PER_USER",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 20
    connections_per_process: Annotated[
        int,
        setting(
            "WebSockets of one web process. One too many is closed with 1013. The process must be allowed to "
            "open more files than that.",
            variable="WEB_CONNECTIONS_PER_PROCESS",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 12_000
    feeds_per_connection: Annotated[
        int,
        setting(
            "Feeds to which one WebSocket may be subscribed.",
            variable="WEB_FEEDS_PER_CONNECTION",
            minimum=1,
            maximum=100_000,
        ),
    ] = 500
    messages_per_second: Annotated[
        float,
        setting(
            "Messages of one WebSocket in a second, on average. Beyond it, it is closed with 4430.",
            variable="WEB_MESSAGES_PER_SECOND",
            minimum=0.1,
            maximum=100_000,
        ),
    ] = 50.0
    message_bytes_per_second: Annotated[
        float,
        setting(
            "Bytes of messages of one WebSocket in a second, on average. Beyond it, it is closed with 4430.",
            variable="WEB_MESSAGE_BYTES_PER_SECOND",
            unit="bytes",
            minimum=1,
            maximum=1_073_741_824,
        ),
    ] = 65_536.0
    message_feeds_per_second: Annotated[
        float,
        setting(
            "Feeds named in the messages of one WebSocket in a second, on average: each is work of its own. "
            "Beyond it, it is closed with 4430.",
            variable="WEB_MESSAGE_FEEDS_PER_SECOND",
            minimum=0.1,
            maximum=100_000,
        ),
    ] = 200.0
    feeds_per_user: Annotated[
        int,
        setting(
            "Feeds to which all WebSockets of one user to one web process may be subscribed.",
            variable="WEB_FEEDS_PER_USER",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 2_000
    user_messages_per_second: Annotated[
        float,
        setting(
            "Messages of all WebSockets of one user in a second, on average. Beyond it, the one that sent "
            "the last of them is closed with 4430.",
            variable="WEB_USER_MESSAGES_PER_SECOND",
            minimum=0.1,
            maximum=1_000_000,
        ),
    ] = 200.0
    user_message_bytes_per_second: Annotated[
        float,
        setting(
            "The same for the bytes of these messages.",
            variable="WEB_USER_MESSAGE_BYTES_PER_SECOND",
            unit="bytes",
            minimum=1,
            maximum=4_294_967_296,
        ),
    ] = 262_144.0
    user_message_feeds_per_second: Annotated[
        float,
        setting(
            "The same for the feeds that these messages name.",
            variable="WEB_USER_MESSAGE_FEEDS_PER_SECOND",
            minimum=0.1,
            maximum=1_000_000,
        ),
    ] = 800.0
    message_burst_seconds: Annotated[
        float,
        setting(
            "How far a client may be ahead of the averages of its messages. All must allow the "
            "longest message at once.",
            variable="WEB_MESSAGE_BURST_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 10.0
    unauthenticated_per_address: Annotated[
        int,
        setting(
            "WebSockets of version 1 of one address whose clients have not logged in yet.",
            variable="WEB_UNAUTHENTICATED_PER_ADDRESS",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 50
    unauthenticated_per_process: Annotated[
        int,
        setting(
            "The same for all addresses of one web process.",
            variable="WEB_UNAUTHENTICATED_PER_PROCESS",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 500
    authentication_seconds: Annotated[
        float,
        setting(
            "Time for a client of version 1 to send its key. Then it is closed with 4407.",
            variable="WEB_AUTHENTICATION_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 10.0
    reconnect_restart_ms: Annotated[
        int,
        setting(
            "The longest first wait of a client before it reconnects after a restart. The waits are spread "
            f"from {SHORTEST_RESTART_MS} ms to it.",
            variable="WEB_RECONNECT_RESTART_MS",
            unit="ms",
            minimum=SHORTEST_RESTART_MS,
            maximum=600_000,
        ),
    ] = 20_000
    reconnect_lost_ms: Annotated[
        int,
        setting(
            "The same after any other loss of a connection. The waits are spread "
            f"from {SHORTEST_LOST_MS} ms to it.",
            variable="WEB_RECONNECT_LOST_MS",
            unit="ms",
            minimum=SHORTEST_LOST_MS,
            maximum=600_000,
        ),
    ] = 5_000
    reconnect_longest_ms: Annotated[
        int,
        setting(
            "The longest wait of a client after failed attempts. Not below the two first waits.",
            variable="WEB_RECONNECT_LONGEST_MS",
            unit="ms",
            minimum=SHORTEST_RESTART_MS,
            maximum=3_600_000,
        ),
    ] = 30_000
