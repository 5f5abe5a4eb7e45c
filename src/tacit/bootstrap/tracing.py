"""Tracing, wired: who decides which requests are followed, and where their spans go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.errors import Misconfigured
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.monitoring.tracing_metrics import SPANS
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.otlp_spans import OtlpSpans

_CLOSING_SECONDS = 0.5


def check_tracing(settings: Settings) -> None:
    """Find out before an hour of training that nothing can be traced, not after.

    Raises:
        Misconfigured: `extra_missing`.
    """
    if settings.tracing.endpoint is not None:
        _adapter()


@contextmanager
def traced(settings: Settings, metrics: MetricSink) -> Iterator[Tracer | None]:
    """What decides which requests are followed, `None` if none is; at the end what was gathered is sent.

    Raises:
        Misconfigured: `extra_missing`.
    """
    chosen = settings.tracing
    if chosen.endpoint is None:
        yield None
        return
    from tacit import __version__

    exported, dropped = (metrics.series(SPANS, outcome=outcome) for outcome in ("exported", "dropped"))
    spans = _adapter()(chosen.endpoint, version=__version__, exported=exported.increment, dropped=dropped.increment)
    try:
        yield Tracer(spans, share=chosen.share, joined_per_second=chosen.joined_per_second)
    finally:
        spans.close(_CLOSING_SECONDS)


def _adapter() -> type[OtlpSpans]:
    try:
        from tacit.adapters.otlp_spans import OtlpSpans
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "extra_missing",
            "tracing.endpoint is set, but OpenTelemetry is not installed.",
            field="tracing.endpoint",
            fix="Install the extra: tacit[tracing].",
        ) from missing
    return OtlpSpans
