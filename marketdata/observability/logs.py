"""Structured logs on standard output, one line for each event: JSON for machines, or plain text for people.

The loggers of all libraries use the same renderer, so that a container's log has one format.
"""

import logging
import os
import sys
import threading
from collections import Counter
from typing import Any, Final, Literal, TypeAlias, get_args

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError

FORMATS: Final = ("json", "console")
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LEVELS: Final[tuple[str, ...]] = get_args(LogLevel)

# At INFO these log every connection and request, which does not help an operator.
QUIET_LOGGERS: Final = ("aio_pika", "aiormq", "aiohttp.access", "urllib3", "websockets", "asyncio")


def configure_logging(service: str, level: str = "INFO", format: str = "json") -> None:  # noqa: A002 - the setting's word
    """Send all logs of the process to standard output in one format. The last of several calls is effective.

    Raises:
        ConfigurationError: for an unknown level or format.
    """
    level = level.upper()
    if level not in LEVELS:
        raise ConfigurationError(f"LOG_LEVEL is {level!r}; accepted are {', '.join(LEVELS)}")
    if format not in FORMATS:
        raise ConfigurationError(f"LOG_FORMAT is {format!r}; accepted are {', '.join(FORMATS)}")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_formatter(service, format))
    logging.root.handlers[:] = [handler]
    set_log_level(level)
    for name in list(logging.root.manager.loggerDict):
        route_library_logger(name)
    logging.captureWarnings(capture=True)


def set_log_level(level: str) -> None:
    """From now on, write no lines below this severity, which is one of `LEVELS`."""
    logging.root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))


def route_library_logger(name: str) -> None:
    """Remove a library's own handlers from its logger, so that each line appears once and in our format.

    A provider's SDK may attach a handler for standard output when it is imported. If that happens after
    `configure_logging`, the module that imports the SDK must call this function.
    """
    logger = logging.getLogger(name)
    if any(type(handler) is logging.StreamHandler for handler in logger.handlers):
        logger.handlers[:] = [
            handler for handler in logger.handlers if type(handler) is not logging.StreamHandler
        ]
        logger.propagate = True


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The structured logger of a module: `log.info("service ready", port=1234)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


class RateLimitedLog:
    """Logs a warning for each event and reason at most once per interval, with the number kept back since.

    For events that may occur by the thousand (malformed frames, dropped batches): the metric counts all of
    them, and the log shows examples.

    Concurrency: safe to use from several threads.
    """

    def __init__(
        self,
        logger: structlog.stdlib.BoundLogger,
        *,
        interval_seconds: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._logger = logger
        self._interval_seconds = interval_seconds
        self._clock = clock or SystemClock()
        self._next_at: dict[tuple[str, str], float] = {}
        self._kept_back: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def warning(self, event: str, *, reason: str, **context: Any) -> None:
        """Log `event` unless the same one with the same reason was logged within the interval."""
        now, kind = self._clock.monotonic(), (event, reason)
        with self._lock:
            if now < self._next_at.get(kind, now):
                self._kept_back[kind] += 1
                return
            self._next_at[kind] = now + self._interval_seconds
            kept_back = self._kept_back.pop(kind, 0)
        self._logger.warning(event, reason=reason, similar_kept_back=kept_back, **context)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(service: str, output_format: str) -> structlog.stdlib.ProcessorFormatter:
    def add_service(
        _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    def add_pid(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The pid, since several processes may have one name. A person at a console sees one process."""
        event.setdefault("pid", os.getpid())
        return event

    # Tracebacks omit local variables, since these may hold keys and passwords. Also, rendering all variables
    # of a driver's frames stopped the event loop for two seconds (measured).
    plain = structlog.dev.plain_traceback
    last: list[Processor] = (
        [
            add_pid,
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
        if output_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, add_service, *last],
    )
