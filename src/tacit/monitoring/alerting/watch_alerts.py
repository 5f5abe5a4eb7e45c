"""Whether those who watch can see: that figures come, that rules work, and that messages arrive."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring.alerting.author import Author
from tacit.monitoring.alerting.choices import AlertChoices
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import JOB, select

DEAD_MAN = "DeadMansSwitch"
WATCHED = (
    catalogue.API_ERRORS,
    catalogue.MODEL_LOADED,
    catalogue.EVENT_LAG,
    catalogue.EVENT_BALANCE,
    catalogue.RECOMMENDATIONS,
)
"""Without these, the rules that matter most are blind and would look healthy."""

OF_PROMETHEUS: frozenset[str] = frozenset(
    {"up", "prometheus_rule_evaluation_failures_total", "alertmanager_notifications_failed_total"}
)
"""What rules read that is not ours."""


def watch_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of watching."""
    author = Author(choices, "watch")
    return (_dead_man(author), *_sources(author), *_messengers(author))


def _dead_man(author: Author) -> AlertRule:
    return author.alert(
        DEAD_MAN,
        "vector(1)",
        says=(
            "Alerting works, from the rules to the receivers.",
            "It fires always. Whoever stops hearing it knows that no other alert would arrive either.",
        ),
        runbook="dead-mans-switch",
        threshold="always",
        severity="heartbeat",
    )


def _sources(author: Author) -> tuple[AlertRule, ...]:
    up = f'up{{job="{JOB}"}}'
    missing = " or ".join(
        f'label_replace(({up} == 1) unless on (instance) {select(each)}, "metric", "{each.name}", "", "")'
        for each in WATCHED
    )
    return (
        author.alert(
            "TargetMissing",
            f"absent({up})",
            says=(
                "Prometheus does not look at Tacit at all.",
                "No rule about it can fire, so that its silence means nothing.",
            ),
            runbook="metrics-missing",
            threshold="for a minute",
            severity="critical",
            held=60,
        ),
        author.alert(
            "MetricsMissing",
            missing,
            says=(
                "{{ $labels.instance }} answers, and does not tell {{ $labels.metric }}.",
                "The rules that read it are blind.",
            ),
            runbook="metrics-missing",
            threshold="for a minute",
            severity="critical",
            held=60,
        ),
    )


def _messengers(author: Author) -> tuple[AlertRule, ...]:
    window = author.choices.span(300)
    return (
        author.alert(
            "RuleFailing",
            f"sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[{window}])) > 0",
            says=(
                "Rules of {{ $labels.rule_group }} cannot be worked out.",
                "A rule that fails never fires.",
            ),
            runbook="rule-failing",
            threshold="any within 5 minutes",
            severity="critical",
        ),
        author.alert(
            "ChannelDown",
            f"sum by (integration) (increase(alertmanager_notifications_failed_total[{window}])) > 0",
            says=(
                "Messages to {{ $labels.integration }} do not arrive.",
                "Whoever is told by this channel alone is not told; others are.",
            ),
            runbook="channel-down",
            threshold="any within 5 minutes",
            severity="critical",
        ),
    )
