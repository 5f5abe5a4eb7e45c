"""Measurements of another process of this machine, as it exports them for Prometheus."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from tacit.errors import Unavailable
from tacit.monitoring.adding_up import Family, Sample

_SECONDS = 4.0
_MOST_BYTES = 32 * 2**20


def scraped(address: str) -> list[Family]:
    """Everything that is exported at an address.

    Raises:
        Unavailable: `metrics_unreachable`: nobody answers there, or what comes is no measurement.
    """
    try:
        # Asked of ourselves, and never through a proxy that the environment may name.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=_SECONDS) as answer:
            text = answer.read(_MOST_BYTES).decode()
        return [
            Family(
                each.name,
                each.type,
                each.documentation,
                tuple(Sample(one.name, tuple(one.labels.items()), one.value) for one in each.samples),
            )
            for each in text_string_to_metric_families(text)
        ]
    except (OSError, ValueError, HTTPException) as error:
        raise Unavailable("metrics_unreachable", f"What {address} exports cannot be read: {error}.") from error
