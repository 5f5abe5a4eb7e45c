"""What is measured of drift: scores, p-values and states by feature, and quality beside them."""

from __future__ import annotations

from tacit.monitoring.drift.report import FEATURES
from tacit.monitoring.metric import Metric

_NAMES = tuple(FEATURES)
QUALITIES = ("ctr", "precision@10")

DRIFT_SCORE = Metric(
    "tacit_drift_score",
    "gauge",
    "score",
    "How far a feature has moved, from 0 to 1; 0.3 is the edge of what its history does by itself.",
    "monitoring",
    {"feature": _NAMES},
)
DRIFT_P_VALUE = Metric(
    "tacit_drift_p_value",
    "gauge",
    "probability",
    "The p-value of the textbook test beside the score; it falls as windows grow, however little has moved.",
    "monitoring",
    {"feature": _NAMES},
)
DRIFT_STATE = Metric(
    "tacit_drift_state",
    "gauge",
    "state",
    "What a feature's score comes to: 0 ok, 1 warn, 2 retrain, -1 not enough data.",
    "monitoring",
    {"feature": _NAMES},
)
DRIFT_OVERALL = Metric(
    "tacit_drift_overall",
    "gauge",
    "score",
    "The largest score, those that no model can learn from counting for no more than the trigger of retraining.",
    "monitoring",
)
DRIFT_LOOK_AGE = Metric(
    "tacit_drift_look_age_seconds",
    "gauge",
    "seconds",
    "Time since somebody looked for drift; NaN while nobody has.",
    "monitoring",
)
DRIFT_QUALITY = Metric(
    "tacit_drift_quality",
    "gauge",
    "share",
    "A measure of quality: what it was, what it should be without asking a click, what the clicks say; NaN if unknown.",
    "monitoring",
    {"metric": QUALITIES, "column": ("baseline", "estimated", "measured")},
)
DRIFT_RATE_CHANGES = Metric(
    "tacit_drift_rate_changes",
    "gauge",
    "changes",
    "Changes of a rate that its detector saw in the window of the last look.",
    "monitoring",
    {"rate": ("ctr", "degraded", "quarantined", "events_a_day")},
)
DRIFT_BURSTS = Metric(
    "tacit_drift_item_bursts",
    "gauge",
    "items",
    "Items that were chosen far more often than their own history explains, in the window of the last look.",
    "monitoring",
)

DRIFT_METRICS: tuple[Metric, ...] = (
    DRIFT_SCORE,
    DRIFT_P_VALUE,
    DRIFT_STATE,
    DRIFT_OVERALL,
    DRIFT_LOOK_AGE,
    DRIFT_QUALITY,
    DRIFT_RATE_CHANGES,
    DRIFT_BURSTS,
)
