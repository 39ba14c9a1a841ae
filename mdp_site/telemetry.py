"""OpenTelemetry for Django's HTTP requests, if it is installed and configured."""

from marketdata.observability.tracing import OpenTelemetryTracing, configure_tracing

EXCLUDED_URLS = "healthz,readyz,metrics"


def instrument_django(service: str) -> bool:
    """Record a span for each HTTP request, as the `OTEL_*` variables say. Returns whether tracing is on.

    Only Django's handler is instrumented. The ASGI instrumentation would also record a span for each message
    to a WebSocket: that is one per tick and client.
    """
    tracing = configure_tracing(service)
    if not isinstance(tracing, OpenTelemetryTracing):
        return False
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - the extra may be absent

    DjangoInstrumentor().instrument(tracer_provider=tracing.provider, excluded_urls=EXCLUDED_URLS)
    return True
