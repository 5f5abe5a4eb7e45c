"""The three dashboards that documents 003 and 004 describe, titles and questions as they spell them."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics as overload
from tools.dashboards import expressions as ask
from tools.dashboards import limits
from tools.dashboards.beside import OF_THE_MACHINE, measured
from tools.dashboards.panel import Board, Panel, Query, one

SIX_PANELS = Board(
    "six-panels",
    "Music Recommender",
    "The six panels of document 003, as it lists them.",
    (
        Panel(
            "Requests Per Minute",
            "How much is asked, over all routes and answers; 30 to 50 a minute in the documents' demonstration.",
            one("rate(http_requests_total[1m]) * 60"),
            catalogue.HTTP_REQUESTS,
            per="minute",
            is_summed=True,
        ),
        Panel(
            "Average Response Time",
            "Mean time from a request to the last byte of its answer: yellow from half a second, red from one.",
            one(ask.MEAN_SECONDS, "average"),
            catalogue.HTTP_DURATION,
            limits=limits.LATENCY_MEAN,
        ),
        Panel(
            "Error Rate",
            "Share of requests that failed by our fault: yellow above 1 %, red above 5 %, as the alerts have it.",
            one(ask.ERROR_SHARE, "errors"),
            catalogue.API_ERRORS,
            per="all",
            limits=limits.ERROR_RATE,
            is_still=True,
        ),
        Panel(
            "Total Recommendations",
            "Lists given since the server began.",
            one("sum(recommendations_total)", "lists"),
            catalogue.RECOMMENDATIONS,
            kind="stat",
        ),
        Panel(
            "Top 5 Moods",
            "Which moods are asked for most, and what share of all questions for moods is theirs.",
            one("topk(5, sum by (mood) (mood_requests_total) / scalar(sum(mood_requests_total)))", "{{mood}}"),
            catalogue.MOOD_REQUESTS,
            per="all",
            kind="bargauge",
        ),
        Panel(
            "Model Status",
            "How many users and artists the loaded version knows, and how long its vectors are.",
            (
                Query("sum(model_users)", "Users"),
                Query("sum(model_items)", "Artists"),
                Query("sum(model_factors)", "Factors"),
            ),
            "short",
            kind="stat",
        ),
    ),
    ("document-003",),
)

MLOPS = Board(
    "mlops",
    "MLOps Comprehensive Dashboard",
    "How the model does, and how the system under it does (document 004).",
    (
        Panel(
            "API Uptime",
            "Share of the last day in which the server could be reached; the objective is 99 %.",
            one(ask.UPTIME, "uptime"),
            "percentunit",
            kind="stat",
            width=6,
            limits=((limits.UPTIME_OBJECTIVE, "green"),),
        ),
        Panel(
            "Model Loaded",
            "Whether a verified version answers.",
            one("min(model_loaded)", "model"),
            catalogue.MODEL_LOADED,
            kind="stat",
            width=6,
            limits=((1, "green"),),
            names={0: "no version", 1: "loaded"},
        ),
        Panel(
            "Version That Answers",
            "Its number, and the data it was learnt from.",
            one("sum by (version, dataset) (tacit_model_info) == 1", "{{version}} of {{dataset}}"),
            catalogue.MODEL_VERSION,
            kind="stat",
            width=6,
        ),
        Panel(
            "Training Duration",
            "How long the version that answers took to learn.",
            one("max(ml_training_duration_seconds)", "training"),
            catalogue.TRAINING_DURATION,
            kind="stat",
            width=6,
        ),
        Panel(
            "Model Accuracy",
            "What the version that answers scored on its hold-out; a step is a new version.",
            one('max by (metric) (ml_model_accuracy{metric=~"(precision|recall|ndcg|map)@10"})', "{{metric}}"),
            catalogue.MODEL_ACCURACY,
        ),
        Panel(
            "Requests and Errors",
            "What is asked each minute, and what of it failed by our fault.",
            (
                Query(ask.a_minute(ask.REQUESTS), "requests"),
                Query(ask.a_minute(f"sum(rate(api_errors_total{{{ask.OUR_FAULT}}}[5m]))"), "failed by our fault"),
            ),
            catalogue.HTTP_REQUESTS,
            per="minute",
        ),
        Panel(
            "Response Time",
            "Within what time half, 95 % and 99 % of requests are answered; the objective is 0.8 s for 95 %.",
            tuple(Query(ask.http_quantile(share), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            catalogue.HTTP_DURATION,
            limits=limits.LATENCY_P95,
        ),
        Panel(
            "Processor",
            "How many processors' time the server takes.",
            one("sum by (instance) (rate(process_cpu_seconds_total[5m]))", "{{instance}}"),
            "none",
        ),
        Panel(
            "Memory",
            "What the server's processes hold.",
            one("sum by (instance) (process_resident_memory_bytes)", "{{instance}}"),
            "bytes",
        ),
        Panel(
            "Garbage Collections",
            "How often Python cleans up, by generation; the oldest is the costly one.",
            one("sum by (generation) (rate(python_gc_collections_total[5m])) * 60", "generation {{generation}}"),
            "suffix: collections/min",
        ),
        Panel(
            "Event Loop Lag",
            "How late the event loop is for what it has to do, for 99 % of its looks; above a quarter second all wait.",
            one("histogram_quantile(0.99, sum by (le) (rate(tacit_event_loop_lag_seconds_bucket[5m])))", "p99"),
            overload.LOOP_LAG,
            limits=limits.LOOP_LAG,
        ),
        Panel(
            "Memory Step",
            "What is given up for want of memory: 1 nothing yet, 2 kept lists and jobs, 3 all but what is missed most.",
            one("max(tacit_memory_step)", "step"),
            overload.MEMORY_STEP,
            limits=limits.MEMORY_STEP,
            is_still=True,
        ),
        Panel(
            "Jobs Under Way",
            "Trainings and other work in the background, waiting and running.",
            one('sum by (kind, state) (tacit_jobs{state=~"queued|running"})', "{{kind}} {{state}}"),
            catalogue.JOBS,
            is_still=True,
            is_stacked=True,
        ),
        Panel(
            "Alerts",
            "What is wrong now, by the rules that Prometheus evaluates.",
            one('sum by (alertname, severity) (ALERTS{alertstate="firing"}) or on () vector(0)', "{{alertname}}"),
            "none",
            kind="stat",
            limits=limits.ANYTHING,
            is_still=True,
        ),
        *measured(OF_THE_MACHINE),
    ),
    ("document-004",),
    since="6h",
)

RECOMMENDATION_SYSTEM = Board(
    "recommendation-system",
    "Recommendation System Dashboard",
    "How good the lists are, and what users make of them (document 004).",
    (
        Panel(
            "Click-Through Rate",
            "Share of the lists shown to known users in the last day that were clicked so far, by source.",
            one(ask.CLICK_RATE, "{{source}}"),
            catalogue.CLICKED_LISTS,
            per="all",
        ),
        Panel(
            "Lists Shown to Known Users",
            "What the rate beside it is a share of: a rate over few lists says little.",
            one("sum by (source) (tacit_attributed_lists) > 0", "{{source}}"),
            catalogue.ATTRIBUTED_LISTS,
            kind="bargauge",
        ),
        Panel(
            "Recommendations by Source",
            "Which step of the chain answers; much `popular` means that users' own lists are not to be had.",
            one("sum by (source) (rate(recommendations_total[5m])) * 60", "{{source}}"),
            catalogue.RECOMMENDATIONS,
            per="minute",
            is_stacked=True,
        ),
        Panel(
            "Degraded Share",
            "Share of lists that were not the ones we wanted to give: yellow above 5 %.",
            one(ask.DEGRADED_SHARE, "degraded"),
            catalogue.DEGRADED_ANSWERS,
            per="all",
            limits=limits.DEGRADED_SHARE,
            is_still=True,
        ),
        Panel(
            "Ranking Quality",
            "What the version that answers scored on held-out interactions, at ten.",
            one('max by (metric) (ml_model_accuracy{metric=~"(precision|recall|ndcg|map)@10"})', "{{metric}}"),
            catalogue.MODEL_ACCURACY,
            kind="bargauge",
        ),
        Panel(
            "Reach of the Lists",
            "Share of the catalogue that lists reach, how unevenly, and how far they lean to what is popular.",
            one('max by (metric) (ml_model_accuracy{metric=~"(coverage|gini|popularity)@10"})', "{{metric}}"),
            catalogue.MODEL_ACCURACY,
            kind="bargauge",
        ),
        Panel(
            "What Users Do",
            "Events that came in each minute and were kept: plays, likes, skips.",
            one('sum(rate(tacit_events_total{outcome="stored"}[5m])) * 60', "events"),
            catalogue.EVENTS,
            per="minute",
        ),
        Panel(
            "What Users Ask For",
            "Questions each minute, by what is asked.",
            one("sum by (question) (rate(recommendation_latency_seconds_count[5m])) * 60", "{{question}}"),
            "suffix: questions/min",
            is_stacked=True,
        ),
        Panel(
            "Moods",
            "Which moods are asked for, over time; a change of the mix is drift that users can be asked about.",
            one("sum by (mood) (rate(mood_requests_total[5m])) * 60", "{{mood}}"),
            catalogue.MOOD_REQUESTS,
            per="minute",
            is_stacked=True,
        ),
    ),
    ("document-004",),
    since="6h",
)
