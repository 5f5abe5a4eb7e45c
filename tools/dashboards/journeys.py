"""Our own dashboards, one for each journey through the platform: a play, a question, a version."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics as overload
from tools.dashboards import expressions as ask
from tools.dashboards import limits
from tools.dashboards.beside import OF_A_VERSION, measured
from tools.dashboards.panel import Board, Panel, Query, one

EVENTS_ROUTE = 'route="/api/v1/events"'

PLAY = Board(
    "play",
    "A user plays a song",
    "From an event's arrival to the list that knows it: taken, acknowledged, applied, and none lost.",
    (
        Panel(
            "Events Received",
            "What comes in each minute, by what its sender was told.",
            one('sum by (outcome) (rate(tacit_events_total{outcome!="received"}[5m])) * 60', "{{outcome}}"),
            catalogue.EVENTS,
            per="minute",
            is_stacked=True,
        ),
        Panel(
            "Acknowledged Within",
            "Time from an event's arrival to the word that it is durable.",
            tuple(Query(ask.http_quantile(share, EVENTS_ROUTE), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            catalogue.HTTP_DURATION,
            limits=limits.LATENCY_P95,
        ),
        Panel(
            "Commit",
            "What a commit of the event log takes: the disk's flush, for which every acknowledgement waits.",
            tuple(
                Query(f"histogram_quantile({share:g}, sum by (le) (rate(tacit_event_commit_seconds_bucket[5m])))", name)
                for share, name in ((0.5, "p50"), (0.99, "p99"))
            ),
            catalogue.EVENT_COMMIT,
        ),
        Panel(
            "Conservation",
            "Events received without a fate, or below 0 with two. Anything but 0 is a loss: look at once.",
            one("sum by (source) (tacit_event_balance)", "{{source}}"),
            catalogue.EVENT_BALANCE,
            kind="stat",
            limits=limits.UNBALANCED,
            is_still=True,
        ),
        Panel(
            "Applied to the Store",
            "Events that have their effect now, each minute, by what became of them.",
            one("sum by (outcome) (rate(tacit_events_applied_total[5m])) * 60", "{{outcome}}"),
            catalogue.EVENTS_APPLIED,
            per="minute",
            is_stacked=True,
        ),
        Panel(
            "Lag",
            "Events that are durable and not applied yet; lists do not know them.",
            one("max(tacit_event_lag)", "waiting"),
            catalogue.EVENT_LAG,
            limits=limits.EVENT_LAG,
            is_still=True,
        ),
        Panel(
            "In Quarantine",
            "Events set aside until somebody mends or drops them.",
            one('sum(tacit_events_accounted{outcome="quarantined"})', "quarantined"),
            catalogue.EVENTS_ACCOUNTED,
            kind="stat",
            is_still=True,
        ),
        Panel(
            "Set Aside or Refused",
            "Share of what comes in that has no effect: a sender does not keep to the rules.",
            one(
                'sum(rate(tacit_events_total{outcome=~"quarantined|rejected"}[5m]))'
                ' / (sum(rate(tacit_events_total{outcome="received"}[5m])) > 0)',
                "set aside",
            ),
            catalogue.EVENTS,
            per="all",
            limits=limits.SET_ASIDE,
            is_still=True,
        ),
        Panel(
            "Freshness",
            "Reads of what users did that failed, each minute, so that a list rests on what was known before.",
            one("sum(rate(tacit_freshness_failures_total[5m])) * 60", "failed reads"),
            catalogue.FRESHNESS_FAILURES,
            per="minute",
            limits=limits.ANYTHING,
            is_still=True,
        ),
        Panel(
            "Chart Follows",
            "Time since the events behind the trending chart were read; it should stay below a minute.",
            one("max(tacit_trending_age_seconds)", "trending chart"),
            catalogue.TRENDING_AGE,
            limits=((60, "yellow"),),
        ),
    ),
    ("journey",),
)

REQUEST = Board(
    "request",
    "Give me recommendations",
    "From a question to a labelled answer: how many, how soon, from where, and what is refused.",
    (
        Panel(
            "Questions",
            "What is asked each minute, by what.",
            one("sum by (question) (rate(recommendation_latency_seconds_count[5m])) * 60", "{{question}}"),
            "suffix: questions/min",
            is_stacked=True,
        ),
        Panel(
            "Answered Within",
            "Time over HTTP for half, 95 % and 99 % of requests; the objective is 0.8 s for 95 %.",
            tuple(Query(ask.http_quantile(share), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            catalogue.HTTP_DURATION,
            limits=limits.LATENCY_P95,
        ),
        Panel(
            "Worked Out Within",
            "Time of the serving room alone for 95 % of lists, by question; what is missing to HTTP is waiting.",
            one(f"{ask.serving_quantile(0.95, 'le, question')} >= 0", "{{question}}"),
            catalogue.RECOMMENDATION_LATENCY,
        ),
        Panel(
            "Sources",
            "Which step of the chain answers.",
            one("sum by (source) (rate(recommendations_total[5m])) * 60", "{{source}}"),
            catalogue.RECOMMENDATIONS,
            per="minute",
            is_stacked=True,
        ),
        Panel(
            "Degraded Share",
            "Share of lists that were not the ones we wanted to give.",
            one(ask.DEGRADED_SHARE, "degraded"),
            catalogue.DEGRADED_ANSWERS,
            per="all",
            limits=limits.DEGRADED_SHARE,
            is_still=True,
        ),
        Panel(
            "Kept Lists",
            "Share of users' lists that lay ready, fresh or stale; the rest is worked out.",
            one(
                "sum by (outcome) (rate(tacit_list_cache_total[5m]))"
                " / scalar(sum(rate(tacit_list_cache_total[5m])) > 0)",
                "{{outcome}}",
            ),
            catalogue.LIST_CACHE,
            per="all",
            is_stacked=True,
        ),
        Panel(
            "Errors",
            "Answers with an error each minute, by what the caller can do about it.",
            one("sum by (kind) (rate(api_errors_total[5m])) * 60", "{{kind}}"),
            catalogue.API_ERRORS,
            per="minute",
        ),
        Panel(
            "Turned Away",
            "Requests refused for want of room, and answered too late to be of use, each minute.",
            (
                Query("sum by (priority) (rate(tacit_requests_shed_total[5m])) * 60", "refused: {{priority}}"),
                Query("sum(rate(tacit_deadlines_missed_total[5m])) * 60", "too late"),
                Query('sum(rate(tacit_limit_checks_total{outcome="refused"}[5m])) * 60', "over a limit"),
            ),
            overload.SHED,
            per="minute",
            is_still=True,
            is_stacked=True,
        ),
        Panel(
            "Room",
            "How many questions may be worked on at once, and how scarce room is: 0 none waits, 2 some are refused.",
            (Query("sum(tacit_concurrency_limit)", "may be worked on"), Query("max(tacit_pressure)", "pressure")),
            overload.CONCURRENCY_LIMIT,
        ),
        Panel(
            "Breakers",
            "Which dependency is spared the waiting because it fails.",
            one("max by (dependency) (tacit_breaker_open)", "{{dependency}}"),
            overload.BREAKER_OPEN,
            kind="stat",
            limits=limits.ANYTHING,
            names={0: "closed", 1: "open"},
            is_still=True,
        ),
        Panel(
            "Steps That Failed",
            "Steps of the chain that failed each minute, so that the next one had to answer.",
            one("sum by (source) (rate(tacit_retriever_failures_total[5m])) * 60", "{{source}}"),
            catalogue.RETRIEVER_FAILURES,
            per="minute",
            is_still=True,
            is_stacked=True,
        ),
        Panel(
            "Lists on Record",
            "Lists shown each minute by what became of their record; without it no click can be counted for them.",
            one("sum by (outcome) (rate(tacit_exposures_total[5m])) * 60", "{{outcome}}"),
            catalogue.EXPOSURES,
            per="minute",
        ),
    ),
    ("journey",),
)

VERSION = Board(
    "version",
    "A version's life",
    "From training to promotion and back: what answers, how it scores, where its rollout stands, what is trained next.",
    (
        Panel(
            "Version That Answers",
            "Its number, and the data it was learnt from.",
            one("sum by (version, dataset) (tacit_model_info) == 1", "{{version}} of {{dataset}}"),
            catalogue.MODEL_VERSION,
            kind="stat",
        ),
        Panel(
            "Score on the Hold-Out",
            "What it scored before it was promoted; a step is a new version.",
            one('max by (metric) (ml_model_accuracy{metric=~"(ndcg|precision|recall|map)@10"})', "{{metric}}"),
            catalogue.MODEL_ACCURACY,
        ),
        Panel(
            "Refused at Loading",
            "Attempts to load a version that did not verify, load or answer, in the last hour.",
            one("sum(increase(tacit_versions_refused_total[1h]))", "refused"),
            catalogue.VERSIONS_REFUSED,
            kind="stat",
            limits=limits.ANYTHING,
            is_still=True,
        ),
        Panel(
            "Rollout",
            "Where the rollout under way stands, or where the last one ended.",
            one("max by (state) (tacit_rollout_state)", "{{state}}"),
            catalogue.ROLLOUT_STATE,
            is_stacked=True,
        ),
        Panel(
            "Rollout Against Its Limits",
            "What the stage came to, by check, as a multiple of its limit; empty while nothing is rolled out.",
            one("sum by (check) (tacit_rollout_measured) / (sum by (check) (tacit_rollout_limit) != 0)", "{{check}}"),
            "none",
        ),
        Panel(
            "Aborts",
            "Rollouts that were ended in the last day, by the check that failed.",
            one("sum by (reason) (increase(tacit_rollout_aborts_total[1d]))", "{{reason}}"),
            catalogue.ROLLOUT_ABORTS,
            is_still=True,
            is_stacked=True,
        ),
        Panel(
            "Training Took",
            "How long the version that answers took to learn.",
            one("max(ml_training_duration_seconds)", "training"),
            catalogue.TRAINING_DURATION,
            kind="stat",
        ),
        Panel(
            "Jobs",
            "Work in the background there was, by kind and by where it stands.",
            one("sum by (kind, state) (tacit_jobs)", "{{kind}} {{state}}"),
            catalogue.JOBS,
            is_stacked=True,
        ),
        Panel(
            "Since the Last Success",
            "How long ago a job of each kind last succeeded; what never did is not shown.",
            one("max by (kind) (tacit_job_last_success_age_seconds) >= 0", "{{kind}}"),
            catalogue.JOB_SUCCESS_AGE,
        ),
        Panel(
            "Clicks by Source",
            "Share of lists shown to known users that were clicked: what users say of the version.",
            one(ask.CLICK_RATE, "{{source}}"),
            catalogue.CLICKED_LISTS,
            per="all",
        ),
        Panel(
            "A/B Tests",
            "Whether one divides users now.",
            one("max(tacit_ab_running)", "running"),
            catalogue.AB_RUNNING,
            kind="stat",
            is_still=True,
        ),
        *measured(OF_A_VERSION),
    ),
    ("journey",),
    since="24h",
)
