"""What is measured of the storefront: what people do on its pages, and how new ones say they are suited."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

ACTS = ("take", "like", "skip", "hide", "unhide")
OPINIONS = ("yes", "partly", "no")

STOREFRONT_ACTS = Metric(
    "tacit_storefront_acts_total",
    "counter",
    "acts",
    "What people did on the storefront's pages; take is the profile's own verb: play, enrol, watch.",
    "entrypoints",
    {"act": ACTS},
)
NEW_USER_SATISFACTION = Metric(
    "tacit_new_user_satisfaction_total",
    "counter",
    "answers",
    "What new users answered when asked whether their list suits them.",
    "entrypoints",
    {"answer": OPINIONS},
)
VISITORS = Metric(
    "tacit_storefront_visitors_total",
    "counter",
    "visitors",
    "People who began on the storefront without signing in.",
    "entrypoints",
)

STOREFRONT_METRICS: tuple[Metric, ...] = (STOREFRONT_ACTS, NEW_USER_SATISFACTION, VISITORS)
