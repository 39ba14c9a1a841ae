"""Traces: nothing unless asked for, and a context that travels in the envelope."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from marketdata.observability.tracing import (
    DEFAULT_SAMPLING_RATIO,
    OpenTelemetryTracing,
    Tracing,
    configure_tracing,
    set_sampling_ratio,
)

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


def recording(sampler: Sampler) -> tuple[OpenTelemetryTracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OpenTelemetryTracing(provider), exporter


@pytest.mark.parametrize("environment", [{}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}])
def test_tracing_does_nothing_unless_it_is_asked_for(environment: dict[str, str]) -> None:
    tracing = configure_tracing("listener", environment)

    assert type(tracing) is Tracing
    with tracing.span("batch", events=1):
        assert tracing.traceparent() == ""


def test_an_endpoint_in_the_environment_turns_it_on() -> None:
    tracing = configure_tracing("listener", ENDPOINT)
    assert isinstance(tracing, OpenTelemetryTracing)
    tracing.close()


def test_a_trace_continues_in_the_process_that_received_its_context() -> None:
    listener, _ = recording(ALWAYS_ON)
    processor, exporter = recording(ALWAYS_ON)

    with listener.span("listener.route"):
        envelope = listener.traceparent()
    with processor.span("processor.apply", parent=envelope, events=3):
        pass

    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == envelope.split("-")[1]
    assert dict(span.attributes or {}) == {"events": 3}


def test_what_is_not_sampled_puts_nothing_into_the_envelope() -> None:
    tracing, exporter = recording(ALWAYS_OFF)
    with tracing.span("batch"):
        assert tracing.traceparent() == ""
    assert not exporter.get_finished_spans()


def test_the_share_of_traces_changes_while_the_process_runs_and_a_trace_that_began_goes_on() -> None:
    tracing = configure_tracing("processor", ENDPOINT)
    try:
        set_sampling_ratio(1)
        with tracing.span("batch"):
            began = tracing.traceparent()
            assert began
        set_sampling_ratio(0)
        with tracing.span("batch"):
            assert tracing.traceparent() == ""
        with tracing.span("tick", parent=began):
            assert tracing.traceparent()
    finally:
        set_sampling_ratio(DEFAULT_SAMPLING_RATIO)
        tracing.close()


def test_a_sampler_of_the_environment_has_priority() -> None:
    tracing = configure_tracing("processor", ENDPOINT | {"OTEL_TRACES_SAMPLER": "always_on"})
    assert isinstance(tracing, OpenTelemetryTracing)
    assert "ratio" not in tracing.provider.sampler.get_description()
    tracing.close()
