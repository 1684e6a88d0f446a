"""Where spans go: to the OpenTelemetry collector that OTEL_EXPORTER_OTLP_ENDPOINT names, with the traces extra."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from documents import tracing

MISSING = "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the traces extra is not installed: pip install 'filot[traces]'"


def begin() -> None:
    """Called once in each process; nothing without an endpoint. A collector that is away costs spans, nothing else."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise ImproperlyConfigured(MISSING) from error
    facts = {"service.name": "filot", "deployment.environment.name": settings.ENVIRONMENT}
    provider = TracerProvider(resource=Resource.create(facts), id_generator=tracing.CorrelatedIds())
    exporter = OTLPSpanExporter(f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing.use(provider)
