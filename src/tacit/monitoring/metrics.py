"""The catalogue of everything we measure: each metric declared once, by name, kind, labels and meaning."""

from __future__ import annotations

from tacit.monitoring.drift_metrics import DRIFT_METRICS
from tacit.monitoring.guard_metrics import GUARD_METRICS
from tacit.monitoring.host_metrics import HOST_METRICS
from tacit.monitoring.metric import LATENCY_BUCKETS, Metric
from tacit.monitoring.model_metrics import MODEL_METRICS
from tacit.monitoring.overload_metrics import OVERLOAD_METRICS
from tacit.monitoring.storefront_metrics import STOREFRONT_METRICS
from tacit.monitoring.tracing_metrics import TRACING_METRICS
from tacit.monitoring.watch_metrics import WATCH_METRICS

SOURCES = ("personal", "blended", "similar", "category", "popular", "static", "mood", "trending", "discovery")
QUESTIONS = (
    "user", "likes", "similar", "popular", "mood", "chart", "trending", "discovery", "session", "rerank",
)  # fmt: skip
ERROR_KINDS = (
    "bad_input",
    "not_found",
    "unauthenticated",
    "forbidden",
    "refused",
    "limited",
    "unavailable",
    "misconfigured",
    "unexpected",
)

HTTP_REQUESTS = Metric(
    "http_requests_total",
    "counter",
    "requests",
    "Requests answered, by method, route template and status.",
    "entrypoints",
    {"method": (), "route": (), "status": ()},
)
HTTP_DURATION = Metric(
    "http_request_duration_seconds",
    "histogram",
    "seconds",
    "Time from a request's arrival to the last byte of its answer.",
    "entrypoints",
    {"method": (), "route": ()},
    LATENCY_BUCKETS,
)
API_ERRORS = Metric(
    "api_errors_total",
    "counter",
    "answers",
    "Requests answered with an error, by what the caller can do about it.",
    "entrypoints",
    {"kind": ERROR_KINDS},
)
RECOMMENDATIONS = Metric(
    "recommendations_total",
    "counter",
    "answers",
    "Lists of recommendations given, by the step of the fallback chain that produced them.",
    "serving",
    {"source": SOURCES},
)
DEGRADED_ANSWERS = Metric(
    "tacit_degraded_answers_total",
    "counter",
    "answers",
    "Lists given that were not the ones we wanted to give.",
    "serving",
    {"source": SOURCES},
)
TIER_REHEARSALS = Metric(
    "tacit_tier_rehearsals_total",
    "counter",
    "answers",
    "Users' lists given by a lower step of the chain on purpose, so that each is in use every day.",
    "serving",
    {"source": SOURCES},
)
MOOD_REQUESTS = Metric(
    "mood_requests_total",
    "counter",
    "answers",
    "Lists given for a mood, by its name.",
    "serving",
    {"mood": ()},
)
TRENDING_AGE = Metric(
    "tacit_trending_age_seconds",
    "gauge",
    "seconds",
    "Time since the events behind the trending chart were read; NaN while they never were.",
    "serving",
)
RETRIEVER_FAILURES = Metric(
    "tacit_retriever_failures_total",
    "counter",
    "failures",
    "Steps of the fallback chain that failed, so that the next one had to answer.",
    "serving",
    {"source": SOURCES},
)
RECOMMENDATION_LATENCY = Metric(
    "recommendation_latency_seconds",
    "histogram",
    "seconds",
    "Time the serving room needs for a list, the way over HTTP left out.",
    "serving",
    {"question": QUESTIONS},
    LATENCY_BUCKETS,
)
EXPOSURES = Metric(
    "tacit_exposures_total",
    "counter",
    "exposures",
    "Lists that were shown, by what became of the record; recorded = written + dropped + waiting.",
    "serving",
    {"outcome": ("recorded", "written", "dropped")},
)
MODEL_LOADED = Metric("model_loaded", "gauge", "boolean", "1 while a verified version answers, else 0.", "serving")
MODEL_USERS = Metric("model_users", "gauge", "users", "Users the loaded version knows.", "serving")
MODEL_ITEMS = Metric("model_items", "gauge", "items", "Items the loaded version knows.", "serving")
MODEL_FACTORS = Metric("model_factors", "gauge", "factors", "Length of the loaded version's vectors.", "serving")
MODEL_VERSION = Metric(
    "tacit_model_info",
    "gauge",
    "boolean",
    "1 for the version that answers.",
    "serving",
    {"version": (), "dataset": ()},
)
TRAINING_DURATION = Metric(
    "ml_training_duration_seconds", "gauge", "seconds", "How long the loaded version took to learn.", "serving"
)
MODEL_ACCURACY = Metric(
    "ml_model_accuracy",
    "gauge",
    "score",
    "What the loaded version scored on its hold-out, by metric.",
    "serving",
    {"metric": ()},
)
VERSIONS_REFUSED = Metric(
    "tacit_versions_refused_total",
    "counter",
    "attempts",
    "Attempts to load a version that did not verify, load or answer.",
    "serving",
)
LIST_CACHE = Metric(
    "tacit_list_cache_total",
    "counter",
    "answers",
    "Users' lists by how the cache served: kept and fresh, computed, or kept and stale because computing failed.",
    "serving",
    {"outcome": ("hit", "miss", "stale")},
)
FRESHNESS_FAILURES = Metric(
    "tacit_freshness_failures_total",
    "counter",
    "reads",
    "Reads of what users did or chose that failed or took too long, so that a list rests on what was known before.",
    "serving",
)

EVENTS = Metric(
    "tacit_events_total",
    "counter",
    "events",
    "Events that came in, by what their sender was told; received = stored + deduplicated + quarantined + rejected.",
    "data",
    {"source": ("api",), "outcome": ("received", "stored", "deduplicated", "quarantined", "rejected")},
)
EVENTS_APPLIED = Metric(
    "tacit_events_applied_total",
    "counter",
    "events",
    "Events of the log that were applied to the store, by what became of them there.",
    "data",
    {"outcome": ("stored", "deduplicated", "quarantined")},
)
EVENT_COMMIT = Metric(
    "tacit_event_commit_seconds",
    "histogram",
    "seconds",
    "What a commit of the event log took, nearly all of it the disk's flush; no event is acknowledged before its own.",
    "data",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
EVENT_LAG = Metric("tacit_event_lag", "gauge", "events", "Events in the log that are not applied yet.", "data")
EVENTS_KNOWN = Metric(
    "tacit_events_known_turn",
    "gauge",
    "turns",
    "The turn up to which the answers of a reader know whose events were applied; less than elsewhere, it is behind.",
    "serving",
)
CATALOGUE_REVISION = Metric(
    "tacit_catalogue_revision",
    "gauge",
    "writes",
    "Writes of the catalogue that the answers of this process know; less than elsewhere, they are behind.",
    "serving",
)
EVENTS_ACCOUNTED = Metric(
    "tacit_events_accounted",
    "gauge",
    "events",
    "Events as the store accounts for them since it was made, those in quarantine now under `quarantined`.",
    "data",
    {"source": ("api",), "outcome": ("received", "stored", "deduplicated", "quarantined", "rejected")},
)
EVENT_BALANCE = Metric(
    "tacit_event_balance",
    "gauge",
    "events",
    "Events received without a fate, or below 0 with two; anything but 0 is an alarm.",
    "data",
    {"source": ("api",)},
)

CACHE_ERRORS = Metric(
    "tacit_cache_errors_total",
    "counter",
    "calls",
    "Calls of the shared cache that came to nothing: each is a miss, or a list that is not kept.",
    "serving",
    {"operation": ("get", "put", "drop"), "kind": ("unreachable", "refused", "busy", "odd", "skipped")},
)
CACHE_REACHABLE = Metric(
    "tacit_cache_reachable",
    "gauge",
    "boolean",
    "1 while the cache is asked, 0 while it is spared because it failed.",
    "serving",
)
JOB_KINDS = ("train", "full_refit", "search", "evaluate", "precompute", "drift")
JOBS = Metric(
    "tacit_jobs",
    "gauge",
    "jobs",
    "Background jobs there were, by kind and by where they stand.",
    "jobs",
    {"kind": JOB_KINDS, "state": ("queued", "running", "succeeded", "failed", "cancelled")},
)
JOB_SUCCESS_AGE = Metric(
    "tacit_job_last_success_age_seconds",
    "gauge",
    "seconds",
    "Time since a background job of this kind last succeeded; NaN while none has.",
    "jobs",
    {"kind": JOB_KINDS},
)

ROLLOUT_STATE = Metric(
    "tacit_rollout_state",
    "gauge",
    "boolean",
    "1 for the state of the rollout that is under way, or of the last one where none is.",
    "rollout",
    {
        "state": (
            "shadow", "canary", "flipping", "watching", "reverting", "done", "aborted", "failed", "superseded",
        )
    },
)  # fmt: skip
ROLLOUT_ABORTS = Metric(
    "tacit_rollout_aborts_total",
    "counter",
    "aborts",
    "Rollouts that were aborted by this process, by the check that failed; several checks count each.",
    "rollout",
    {
        "reason": (
            "errors", "degraded", "latency_p95", "latency_p99", "clicks", "split", "overlap", "score_shift",
            "person", "failure",
        )
    },
)  # fmt: skip
ROLLOUT_MEASURED = Metric(
    "tacit_rollout_measured",
    "gauge",
    "as the check",
    "What the stage of the rollout came to, by check; its limit is tacit_rollout_limit.",
    "rollout",
    {"check": ()},
)
ROLLOUT_LIMIT = Metric(
    "tacit_rollout_limit",
    "gauge",
    "as the check",
    "What tacit_rollout_measured is held against.",
    "rollout",
    {"check": ()},
)
ATTRIBUTED_LISTS = Metric(
    "tacit_attributed_lists",
    "gauge",
    "lists",
    "Lists shown to known users within the window in which events still count for them, by source.",
    "rollout",
    {"source": SOURCES},
)
CLICKED_LISTS = Metric(
    "tacit_clicked_lists",
    "gauge",
    "lists",
    "Of these, those that were clicked so far; divided by them it is the click-through rate.",
    "rollout",
    {"source": SOURCES},
)
AB_RUNNING = Metric("tacit_ab_running", "gauge", "tests", "A/B tests that divide users now: none or one.", "rollout")
AB_ENDED = Metric(
    "tacit_ab_ended_total",
    "counter",
    "tests",
    "A/B tests that this server ended, because of harm, shares that are off, or because their days were over.",
    "rollout",
    {"state": ("stopped", "finished")},
)

SIGN_INS = Metric(
    "tacit_sign_ins_total",
    "counter",
    "attempts",
    "Attempts to sign in, or to stay so, by how they ended; `refresh_reused` is a stolen token until shown otherwise.",
    "security",
    {"result": ("signed_in", "refused", "slowed", "refreshed", "refresh_reused")},
)
WORKERS = Metric(
    "tacit_workers",
    "gauge",
    "workers",
    "Processes that answer side by side, by where they stand, as their supervisor has it; all 0 without one.",
    "entrypoints",
    {"state": ("starting", "serving", "leaving", "waiting")},
)
WORKER_RESTARTS = Metric(
    "tacit_worker_restarts_total",
    "counter",
    "restarts",
    "Workers that were started in the place of one that ended unasked.",
    "entrypoints",
)

CATALOGUE: tuple[Metric, ...] = (
    HTTP_REQUESTS,
    HTTP_DURATION,
    API_ERRORS,
    RECOMMENDATIONS,
    DEGRADED_ANSWERS,
    TIER_REHEARSALS,
    MOOD_REQUESTS,
    TRENDING_AGE,
    RETRIEVER_FAILURES,
    RECOMMENDATION_LATENCY,
    EXPOSURES,
    MODEL_LOADED,
    MODEL_USERS,
    MODEL_ITEMS,
    MODEL_FACTORS,
    MODEL_VERSION,
    TRAINING_DURATION,
    MODEL_ACCURACY,
    VERSIONS_REFUSED,
    LIST_CACHE,
    FRESHNESS_FAILURES,
    EVENTS,
    EVENTS_APPLIED,
    EVENT_COMMIT,
    EVENT_LAG,
    EVENTS_KNOWN,
    CATALOGUE_REVISION,
    EVENTS_ACCOUNTED,
    EVENT_BALANCE,
    CACHE_ERRORS,
    CACHE_REACHABLE,
    ROLLOUT_STATE,
    ROLLOUT_ABORTS,
    ROLLOUT_MEASURED,
    ROLLOUT_LIMIT,
    ATTRIBUTED_LISTS,
    CLICKED_LISTS,
    AB_RUNNING,
    AB_ENDED,
    JOBS,
    JOB_SUCCESS_AGE,
    *OVERLOAD_METRICS,
    SIGN_INS,
    WORKERS,
    WORKER_RESTARTS,
    *GUARD_METRICS,
    *HOST_METRICS,
    *MODEL_METRICS,
    *WATCH_METRICS,
    *STOREFRONT_METRICS,
    *DRIFT_METRICS,
    *TRACING_METRICS,
)
