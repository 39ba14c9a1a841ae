"""Settings of the web processes that operators can change while the processes run."""

from typing import Annotated, Final

from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO
from marketdata.runtime.role_settings import TraceSamplingSetting
from marketdata.runtime.settings import Applies, LogLevelSetting, setting
from widgets.settings import WidgetLimits

WEB: Final = "web"
MOST_WORKERS: Final = 64


class WebSettings(WidgetLimits, frozen=True, kw_only=True):
    """Settings of the web processes. Every web process applies the same values.

    The limits of the Widget Data Service are declared in its own package. Those here are what any client may
    ask of a web process; `mdp_site.web_server` reads them at each decision.
    """

    workers: Annotated[
        int,
        setting(
            "Processes of run_web on one address (its --workers). The kernel divides new connections among "
            "them, and no process can hand over those that it has.",
            variable="WEB_WORKERS",
            minimum=1,
            maximum=MOST_WORKERS,
            applies=Applies.RESTART,
        ),
    ] = 1
    head_bytes: Annotated[
        int,
        setting(
            "The longest head of a request: its URL and headers.",
            variable="WEB_HEAD_BYTES",
            unit="bytes",
            minimum=1024,
            maximum=1_048_576,
        ),
    ] = 65_536
    body_bytes: Annotated[
        int,
        setting(
            "The longest body of a request.",
            variable="WEB_BODY_BYTES",
            unit="bytes",
            minimum=1024,
            maximum=1_073_741_824,
        ),
    ] = 4_194_304
    head_seconds: Annotated[
        float,
        setting(
            "Time for the head of a request, from the connection or its first byte.",
            variable="WEB_HEAD_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 10.0
    body_seconds: Annotated[
        float,
        setting(
            "Time for the body of a request.",
            variable="WEB_BODY_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 60.0
    handshake_seconds: Annotated[
        float,
        setting(
            "Time until a WebSocket is accepted or refused.",
            variable="WEB_HANDSHAKE_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 15.0
    stalled_seconds: Annotated[
        float,
        setting(
            "Time for which a client may leave a response unread.",
            variable="WEB_STALLED_SECONDS",
            unit="s",
            minimum=0.1,
            maximum=3_600,
        ),
    ] = 30.0
    connections_per_address: Annotated[
        int,
        setting(
            "Connections of one address, or of an IPv6 network of 64 bits, to one web process. Behind a "
            "trusted proxy only WebSockets count, by the address of its client. An office behind one address "
            "needs more.",
            variable="WEB_CONNECTIONS_PER_ADDRESS",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 1_000
    handshakes_per_address: Annotated[
        int,
        setting(
            "WebSocket handshakes under way of one address.",
            variable="WEB_HANDSHAKES_PER_ADDRESS",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 200
    control_frames_per_second: Annotated[
        float,
        setting(
            "Pings, pongs and fragments of one WebSocket in a second.",
            variable="WEB_CONTROL_FRAMES_PER_SECOND",
            minimum=0.1,
            maximum=10_000,
        ),
    ] = 10.0
    control_frames_burst: Annotated[
        int,
        setting(
            "Pings, pongs and fragments that may come at once.",
            variable="WEB_CONTROL_FRAMES_BURST",
            minimum=1,
            maximum=100_000,
        ),
    ] = 60
    api_requests_per_second: Annotated[
        float,
        setting(
            "Requests to `/api/` with one token or session in a second, on average. One too many is answered "
            "with 429. Each web process counts its own.",
            variable="WEB_API_REQUESTS_PER_SECOND",
            minimum=1,
            maximum=100_000,
        ),
    ] = 20.0
    api_requests_per_second_of_user: Annotated[
        float,
        setting(
            "The same for all tokens and sessions of one user together.",
            variable="WEB_API_REQUESTS_PER_SECOND_OF_USER",
            minimum=1,
            maximum=100_000,
        ),
    ] = 50.0
    api_changes_per_second: Annotated[
        float,
        setting(
            "Requests to `/api/` of one user that change something, in a second, on average. They do not "
            "count as the others.",
            variable="WEB_API_CHANGES_PER_SECOND",
            minimum=0.1,
            maximum=100_000,
        ),
    ] = 2.0
    api_burst_seconds: Annotated[
        float,
        setting(
            "How far a client of `/api/` may be ahead of these averages.",
            variable="WEB_API_BURST_SECONDS",
            unit="s",
            minimum=1,
            maximum=3_600,
        ),
    ] = 10.0
    trace_sampling: TraceSamplingSetting = DEFAULT_SAMPLING_RATIO
    log_level: LogLevelSetting = "INFO"
