"""What is measured of the version that answers: how old it is, and how well it still does."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

QUALITY_METRICS = ("precision@10", "ndcg@10")

MODEL_AGE = Metric(
    "tacit_model_age_seconds",
    "gauge",
    "seconds",
    "Time since the loaded version was trained; NaN while none is loaded.",
    "serving",
)
LAST_EVENT = Metric(
    "tacit_last_event_applied_timestamp_seconds",
    "gauge",
    "seconds",
    "When an event was last applied, in seconds since 1970; 0 while none ever was.",
    "data",
)
QUALITY_BASELINE = Metric(
    "tacit_quality_baseline",
    "gauge",
    "score",
    "What the loaded version scored on its hold-out before it was promoted, by metric; NaN while none is loaded.",
    "serving",
    {"metric": QUALITY_METRICS},
)
QUALITY_LIVE = Metric(
    "tacit_quality_live",
    "gauge",
    "score",
    "What the loaded version scored on later data, by a job or beside a candidate; NaN while nobody looked again.",
    "serving",
    {"metric": QUALITY_METRICS},
)

MODEL_METRICS: tuple[Metric, ...] = (MODEL_AGE, LAST_EVENT, QUALITY_BASELINE, QUALITY_LIVE)
