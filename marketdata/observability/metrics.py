"""Every Prometheus metric of the platform.

Names start with `mdp_` and end with their unit. Labels have few values (`queue`, `reason`, `shard`,
`outcome`); a symbol, a user or an address is never a label. Code counts per batch or tick (`inc(amount)`),
never per event.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.18, 0.25, 0.4, 0.6, 1.0, 2.5, 5.0, 10.0)
DURATION_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.25, 0.5, 1.0, 2.5, 5.0)

# Runtime: every long-running command.
SERVICE_READY: Final = Gauge("mdp_service_ready", "1 while the service can do its work, else 0")
EVENT_LOOP_LAG: Final = Histogram(
    "mdp_event_loop_lag_seconds", "How late the event loop ran a timer", buckets=DURATION_BUCKETS
)
GC_LONGEST_PAUSE: Final = Gauge(
    "mdp_gc_longest_pause_seconds", "The longest pause for a garbage collection since the process was ready"
)
PROCESS_RESTARTS: Final = Counter("mdp_process_restarts_total", "Child processes started again after a crash")

# Provider: the connection to the market data vendor.
PROVIDER_CONNECTED: Final = Gauge("mdp_provider_connected", "1 while the feed is connected and subscribed")
PROVIDER_FRAMES: Final = Counter("mdp_provider_frames_total", "Frames received from the feed")
PROVIDER_BYTES: Final = Counter(
    "mdp_provider_received_bytes_total", "Characters of frames received from the feed"
)
PROVIDER_FRAMES_DROPPED: Final = Counter(
    "mdp_provider_dropped_frames_total", "Frames dropped before they were routed", ["reason"]
)
PROVIDER_EVENTS_DROPPED: Final = Counter(
    "mdp_provider_dropped_events_total", "Events in frames dropped before they were routed", ["reason"]
)
PROVIDER_SESSIONS_ENDED: Final = Counter(
    "mdp_provider_ended_sessions_total", "Feed connections that ended, by reason", ["reason"]
)
PROVIDER_STATUSES: Final = Counter("mdp_provider_statuses_total", "Status events from the feed", ["status"])
PROVIDER_TIMES_REFUSED: Final = Counter(
    "mdp_provider_refused_times_total",
    "Times from the provider's REST service that were refused: ahead of ours, behind ours, or impossible",
    ["reason"],
)

# Listener: frames in, batches out.
LISTENER_EVENTS: Final = Counter("mdp_listener_events_total", "Events routed", ["queue"])
LISTENER_UNKNOWN: Final = Counter(
    "mdp_listener_unknown_events_total", "Events set aside in the unknown queue, by reason", ["reason"]
)
LISTENER_PUBLISHED_EVENTS: Final = Counter(
    "mdp_listener_published_events_total", "Events in batches that the broker accepted"
)
LISTENER_PENDING_EVENTS: Final = Gauge(
    "mdp_listener_pending_events", "Events routed and neither published nor dropped yet"
)
LISTENER_BATCHES: Final = Counter("mdp_listener_batches_total", "Batches made", ["queue"])
LISTENER_PUBLISHED: Final = Counter(
    "mdp_listener_published_batches_total", "Batches that the broker accepted"
)
LISTENER_DROPPED: Final = Counter(
    "mdp_listener_dropped_batches_total", "Batches dropped unpublished", ["reason"]
)
LISTENER_DROPPED_EVENTS: Final = Counter(
    "mdp_listener_dropped_events_total", "Events in batches that were dropped unpublished", ["reason"]
)
LISTENER_PENDING: Final = Gauge("mdp_listener_pending_batches", "Batches made and not yet published")
LISTENER_PUBLISH_SECONDS: Final = Histogram(
    "mdp_listener_publish_seconds", "Duration of one publication to the broker", buckets=DURATION_BUCKETS
)

# Recorder: the feed to disk.
RECORDER_FRAMES: Final = Counter("mdp_recorder_frames_total", "Frames written to a recording")
RECORDER_DROPPED: Final = Counter(
    "mdp_recorder_dropped_frames_total", "Frames that could not be recorded", ["reason"]
)

# Replay: a recording to its clients.
REPLAY_FRAMES: Final = Counter("mdp_replay_frames_total", "Recorded frames played")

# Transport: the queues.
TRANSPORT_PUBLISHED: Final = Counter("mdp_transport_published_batches_total", "Batches published", ["queue"])
TRANSPORT_PUBLISHED_BYTES: Final = Counter("mdp_transport_published_bytes_total", "Bytes published")
TRANSPORT_RECEIVED: Final = Counter("mdp_transport_received_batches_total", "Batches received", ["queue"])
TRANSPORT_EXPIRED: Final = Counter(
    "mdp_transport_expired_batches_total", "Batches dropped because of their age", ["queue"]
)
TRANSPORT_PURGED: Final = Counter(
    "mdp_transport_purged_batches_total", "Batches dropped because operators purged their queue", ["queue"]
)
TRANSPORT_DROPPED: Final = Counter(
    "mdp_transport_dropped_batches_total", "Batches dropped for another reason than age", ["queue", "reason"]
)
# Batches that RabbitMQ expired or dropped from a full queue. For Redis lists the publisher counts these
# itself.
TRANSPORT_MISSING: Final = Counter(
    "mdp_transport_missing_batches_total",
    "Batches that never arrived, by the gaps in sequence numbers",
    ["queue"],
)
TRANSPORT_ERRORS: Final = Counter("mdp_transport_errors_total", "Failed broker operations", ["reason"])
TRANSPORT_RECONNECTS: Final = Counter(
    "mdp_transport_reconnects_total", "New connections to the broker after a loss"
)
TRANSPORT_QUEUE_DEPTH: Final = Gauge("mdp_transport_queue_batches", "Batches waiting", ["queue", "shard"])

# Processor: one shard's events in, rows out.
PROCESSOR_EVENTS: Final = Counter("mdp_processor_events_total", "Events applied", ["queue"])
PROCESSOR_REJECTED: Final = Counter(
    "mdp_processor_rejected_events_total", "Events set aside while decoding, by reason", ["reason"]
)
PROCESSOR_IGNORED: Final = Counter(
    "mdp_processor_ignored_events_total", "Valid events that changed nothing, such as late ones", ["reason"]
)
PROCESSOR_CLOCK_CORRECTIONS: Final = Counter(
    "mdp_processor_clock_corrections_total",
    "How often a shard's market time was ahead of the feed's clock, so that its day was restarted",
)
PROCESSOR_BATCHES: Final = Counter("mdp_processor_batches_total", "Batches applied", ["queue"])
PROCESSOR_BATCH_AGE_SECONDS: Final = Histogram(
    "mdp_processor_batch_age_seconds",
    "From received by the listener to applied",
    ["queue"],
    buckets=LATENCY_BUCKETS,
)
PROCESSOR_TICKS: Final = Counter("mdp_processor_ticks_total", "Publications of a shard", ["shard"])
PROCESSOR_TICK_SECONDS: Final = Histogram(
    "mdp_processor_tick_seconds", "Duration of one tick of a shard", buckets=DURATION_BUCKETS
)
PROCESSOR_TICK_CPU_SECONDS: Final = Counter(
    "mdp_processor_tick_cpu_seconds_total", "Processor time spent on ticks, of all shards"
)
PROCESSOR_TICK_INTERVAL_SECONDS: Final = Gauge(
    "mdp_processor_tick_interval_seconds", "The present interval of ticks, which follows their cost"
)
PROCESSOR_TICKS_FAILED: Final = Counter(
    "mdp_processor_failed_ticks_total", "Ticks not published, by reason", ["reason"]
)
PROCESSOR_ROWS: Final = Gauge("mdp_processor_rows", "Symbols in the table of a shard", ["shard"])
PROCESSOR_OWNED: Final = Gauge("mdp_processor_owned", "1 while this process owns the shard", ["shard"])
PROCESSOR_RESTORES: Final = Counter(
    "mdp_processor_restores_total", "How the table of a newly owned shard began", ["outcome"]
)

# Scanner: the whole market.
SCANNER_TICKS: Final = Counter("mdp_scanner_ticks_total", "Merges of changed rows followed by a ranking")
SCANNER_TICK_SECONDS: Final = Histogram(
    "mdp_scanner_tick_seconds", "Duration of merging, ranking and publishing", buckets=DURATION_BUCKETS
)
SCANNER_ROWS: Final = Gauge("mdp_scanner_rows", "Symbols in the table of the whole market")
SCANNER_GAPS: Final = Counter(
    "mdp_scanner_gaps_total", "Missed ticks of a shard, replaced by the stored block", ["shard"]
)
SCANNER_BOARDS: Final = Counter("mdp_scanner_published_boards_total", "Boards published")
SCANNER_ACTIVE: Final = Gauge(
    "mdp_scanner_active", "1 while this process holds the scanner lease, 0 on standby"
)

# Store: Redis or Valkey.
STORE_PUBLISHED_BYTES: Final = Counter(
    "mdp_store_published_bytes_total", "Bytes of row blocks written and announced"
)
STORE_TAPE_PARTS: Final = Counter(
    "mdp_store_written_tape_parts_total", "Runs of new trades written into stored tapes"
)
STORE_ERRORS: Final = Counter("mdp_store_errors_total", "Failed store operations", ["reason"])
STORE_RECONNECTS: Final = Counter(
    "mdp_store_reconnects_total", "New subscriptions to announcements after a loss"
)
STORE_ANNOUNCEMENTS: Final = Counter("mdp_store_announcements_total", "Announcements received")
STORE_MALFORMED: Final = Counter(
    "mdp_store_malformed_messages_total", "Values in the store that cannot be decoded", ["reason"]
)

# Reference data by REST.
REFERENCE_REQUESTS: Final = Counter(
    "mdp_reference_requests_total", "REST calls to the provider", ["endpoint", "outcome"]
)
REFERENCE_LOAD_SECONDS: Final = Histogram(
    "mdp_reference_load_seconds",
    "Duration of loading reference data",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300),
)
REFERENCE_LOOKUPS: Final = Counter(
    "mdp_reference_lookups_total",
    "Look-ups of single symbols: remembered, remembered as absent, asked for, or shared with another caller",
    ["kind", "outcome"],
)
REFERENCE_ROWS: Final = Gauge("mdp_reference_rows", "Symbols in the newest reference data")
REFERENCE_FLAWS: Final = Gauge(
    "mdp_reference_missing_parts",
    "Parts that the newest load of reference data lacks, by kind and reason; each session counts",
    ["kind", "reason"],
)
REFERENCE_ROWS_LEFT_OUT: Final = Counter(
    "mdp_reference_rows_left_out_total",
    "Rows of the provider's answers that are not used: out of bounds, contradictory, repeated, ...",
    ["kind", "reason"],
)

# Web server: connections of browsers, programs and strangers.
WEB_CONNECTIONS: Final = Gauge("mdp_web_connections", "Open connections to the web process, of any kind")
WEB_CUT_OFF: Final = Counter(
    "mdp_web_cut_off_total", "Clients that the web server refused or cut off, by reason", ["reason"]
)

# Widgets: towards the browsers.
WIDGET_CONNECTIONS: Final = Gauge("mdp_widget_connections", "Open WebSocket connections")
WIDGET_SUBSCRIPTIONS: Final = Gauge("mdp_widget_subscriptions", "Feeds subscribed to, over all connections")
WIDGET_REFUSED: Final = Counter(
    "mdp_widget_refused_connections_total", "Handshakes refused, by reason", ["reason"]
)
LOGIN_LOOKS: Final = Counter(
    "mdp_login_looks_total", "Queries that asked for the logins of open connections, by outcome", ["outcome"]
)
LOGINS_CHECKED: Final = Gauge(
    "mdp_logins_checked_timestamp_seconds", "When a look at the logins of all open connections succeeded last"
)
LOGINS_ENDED: Final = Counter("mdp_logins_ended_total", "Open connections whose login has ended")
WIDGET_CLOSED: Final = Counter(
    "mdp_widget_closed_connections_total", "Connections ended, by reason", ["reason"]
)
WIDGET_FRAMES: Final = Counter("mdp_widget_sent_frames_total", "Frames sent", ["kind"])
WIDGET_BYTES: Final = Counter("mdp_widget_sent_bytes_total", "Bytes of frames sent")
WIDGET_CONFLATED: Final = Counter(
    "mdp_widget_conflated_frames_total", "Frames replaced by a newer state before sending"
)
WIDGET_BLOCKED: Final = Gauge(
    "mdp_widget_blocked_connections", "Connections that do not take the frames that wait for them"
)
WIDGET_ERRORS: Final = Counter(
    "mdp_widget_errors_total", "Error messages sent to clients, by code", ["reason"]
)
WIDGET_FRAME_AGE_SECONDS: Final = Histogram(
    "mdp_widget_frame_age_seconds",
    "From received by the listener to handed to the connections",
    buckets=LATENCY_BUCKETS,
)
HUB_TICK_SECONDS: Final = Histogram(
    "mdp_hub_tick_seconds",
    "Duration of one tick: encoding all due feeds, and writing them to all connections",
    buckets=DURATION_BUCKETS,
)
HUB_WALK_SECONDS: Final = Histogram(
    "mdp_hub_walk_seconds",
    "Duration of writing to all connections, a part of the tick",
    buckets=DURATION_BUCKETS,
)
HUB_LAG_SECONDS: Final = Histogram(
    "mdp_hub_lag_seconds",
    "From the publication of the oldest announcement of a tick to the end of its walk",
    buckets=LATENCY_BUCKETS,
)
HUB_ENCODED_BYTES: Final = Counter(
    "mdp_hub_encoded_bytes_total", "Bytes of feed frames encoded, before they are shared out", ["kind"]
)
HUB_RESTARTS: Final = Counter("mdp_hub_restarts_total", "Restarts of the hub after an unexpected error")
API_REQUESTS: Final = Counter(
    "mdp_api_requests_total", "Requests to /api/ by operation and status", ["endpoint", "status"]
)
HUB_DATA_STATE: Final = Gauge(
    "mdp_hub_data_state", "1 for the state of the shown data, 0 for the other states", ["state"]
)
HUB_DATA_AGE_SECONDS: Final = Gauge(
    "mdp_hub_data_age_seconds", "Age of the newest shown data since the listener received it"
)
HUB_RESYNCS: Final = Counter("mdp_hub_resyncs_total", "Blocks re-read from the store after a gap", ["reason"])

# Simulator.
SIMULATOR_CONNECTIONS: Final = Gauge("mdp_simulator_connections", "Open feed connections of the simulator")
SIMULATOR_ENDED: Final = Counter(
    "mdp_simulator_ended_connections_total",
    "Feed connections of the simulator that ended, by reason",
    ["reason"],
)
SIMULATOR_EVENTS: Final = Counter(
    "mdp_simulator_sent_events_total", "Events handed to clients, once for each client", ["channel"]
)
SIMULATOR_DEFECTS: Final = Counter(
    "mdp_simulator_sent_defects_total",
    "Odd events, frames and REST answers handed to clients, once for each client",
    ["kind"],
)
SIMULATOR_CLOCK_SLIPPED: Final = Counter(
    "mdp_simulator_clock_slipped_seconds_total",
    "Real time by which the simulated market fell behind its clock",
)
SIMULATOR_REQUESTS: Final = Counter(
    "mdp_simulator_requests_total", "REST calls answered by the simulator", ["status"]
)
