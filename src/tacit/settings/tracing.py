"""The settings of tracing: where spans go, and of which requests."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tacit.settings.monitoring import Address


class Tracing(BaseModel):
    """Which requests are followed step by step, and who is told."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    endpoint: Address | None = None
    """A collector that takes spans over OTLP/HTTP, as `http://collector:4318` (needs the extra `tracing`); unset,
    nothing is traced.

    Spans go to `/v1/traces` below it, unless the address names that already.  A key that the collector asks for belongs
    into the environment, as `OTEL_EXPORTER_OTLP_HEADERS` has it: this address is shown.
    """
    share: float = Field(default=0.01, ge=0, le=1)
    """Share of the requests that are traced, from 0 to 1, of those that are not part of a trace already."""
    joined_per_second: float = Field(default=1.0, ge=0, le=1_000)
    """Most requests a second that are traced because their `traceparent` says that the caller traces them, in each
    process; those beyond are traced by chance, as any other."""
