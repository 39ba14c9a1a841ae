"""Traces of batches and ticks, if OpenTelemetry is installed and configured.

A span covers a batch or a tick, never an event: at 400,000 events a second, spans would cost more than the
work. A batch carries the W3C traceparent, so that a trace follows it from process to process.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from marketdata.observability.process_place import process_place

TRACEPARENT: Final = "traceparent"
TRACEPARENT_VARIABLE: Final = "TRACEPARENT"
DEFAULT_SAMPLING_RATIO: Final = 0.01
EXPORT_TIMEOUT_SECONDS: Final = 3.0


_sampling: Final = {"ratio": DEFAULT_SAMPLING_RATIO}


def set_sampling_ratio(ratio: float) -> None:
    """From now on, begin so many of all traces, 0 to 1. A batch that is part of a trace stays in it."""
    _sampling["ratio"] = ratio


class Tracing:
    """Spans and trace contexts. The base class does nothing, at almost no cost."""

    @contextlib.contextmanager
    def span(self, name: str, *, parent: str = "", **attributes: str | int | float) -> Iterator[None]:
        """A span around a batch or tick; `parent` is the traceparent of a received batch, or empty."""
        del name, parent, attributes
        yield

    def traceparent(self) -> str:
        """The current context as a W3C traceparent, or empty when there is none or it is not sampled."""
        return ""

    def close(self) -> None:
        """Send the buffered spans."""


class OpenTelemetryTracing(Tracing):
    """Spans of the OpenTelemetry SDK, exported as the `OTEL_*` variables say."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._provider = provider
        self._tracer = provider.get_tracer("marketdata")
        self._propagator = TraceContextTextMapPropagator()

    @property
    def provider(self) -> Any:
        """The SDK's tracer provider, for libraries that are instrumented with it."""
        return self._provider

    @contextlib.contextmanager
    def span(self, name: str, *, parent: str = "", **attributes: str | int | float) -> Iterator[None]:
        """A span around a batch or tick; its sampling decision is the parent's when there is one."""
        context = self._propagator.extract({TRACEPARENT: parent}) if parent else None
        with self._tracer.start_as_current_span(name, context=context, attributes=attributes):
            yield

    def traceparent(self) -> str:
        """The current context as a W3C traceparent, or empty when there is none or it is not sampled."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        header = carrier.get(TRACEPARENT, "")
        # The header ends with the flags, two hexadecimal digits whose lowest bit means "sampled". Without
        # that bit it is left out, since it would add 55 useless bytes to every envelope.
        return header if header and int(header[-2:], 16) & 1 else ""

    def close(self) -> None:
        """Send the buffered spans."""
        self._provider.shutdown()


def inherited_traceparent(environment: Mapping[str, str] | None = None) -> str:
    """The traceparent of this process's start (variable `TRACEPARENT`), or empty."""
    environment = os.environ if environment is None else environment
    return environment.get(TRACEPARENT_VARIABLE, "")


def configure_tracing(service: str, environment: Mapping[str, str] | None = None) -> Tracing:
    """Tracing as the environment configures it.

    On if `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set,
    `OTEL_SDK_DISABLED` is not `true`, and the `otel` extra is installed. Samples as `set_sampling_ratio` says
    (one batch in a hundred before its first call), unless `OTEL_TRACES_SAMPLER` names a sampler.
    """
    environment = os.environ if environment is None else environment
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    if not endpoint or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        return Tracing()
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.instance.id": process_place()}),
        sampler=_sampler(environment),
    )
    # Retries must end well before a supervisor kills a process that it stops.
    timeout = None if environment.get("OTEL_EXPORTER_OTLP_TIMEOUT") else EXPORT_TIMEOUT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
    return OpenTelemetryTracing(provider)


def _sampler(environment: Mapping[str, str]) -> Any:
    """The sampler; None lets the SDK read `OTEL_TRACES_SAMPLER` itself."""
    if environment.get("OTEL_TRACES_SAMPLER"):
        return None
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    class ChangingRatio(TraceIdRatioBased):
        """Samples by the ratio that holds now. Only the begin of a trace asks: once for a batch or tick."""

        @property
        def bound(self) -> int:
            """Of the trace identities, which are random numbers, those below it are sampled."""
            return self.get_bound_for_rate(_sampling["ratio"])

    return ParentBased(ChangingRatio(DEFAULT_SAMPLING_RATIO))
