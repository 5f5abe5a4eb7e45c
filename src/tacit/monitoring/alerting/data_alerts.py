"""Whether what users do arrives, is applied, and is accounted for."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import model_metrics as measured
from tacit.monitoring.alerting.author import Author, share
from tacit.monitoring.alerting.choices import DAY, AlertChoices
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import number, risen, select


def data_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of events and of what they are kept in."""
    author = Author(choices, "data")
    return (*_conservation(author), *_following(author), *_volume(author), *_losses(author))


def _conservation(author: Author) -> tuple[AlertRule, ...]:
    choices, window = author.choices, author.choices.span(900)
    aside, came = (risen(catalogue.EVENTS, window, outcome=each) for each in ("quarantined", "received"))
    turned_away = risen(catalogue.EVENTS, window, outcome="rejected")
    return (
        author.alert(
            "EventsUnaccounted",
            f"{select(catalogue.EVENT_BALANCE)} != 0",
            says=(
                "{{ $value }} events of {{ $labels.source }} have no fate, or have two.",
                "What was received is no longer the sum of what became of it: events were lost, or counted twice.",
            ),
            runbook="events-unaccounted",
            threshold="anything but 0 for 30 s",
            severity="critical",
            held=30,
        ),
        author.alert(
            "QuarantineGrowing",
            f"({aside} / ({came} > 0) > {number(choices.quarantine_share)})"
            f" and ({aside} >= {choices.quarantine_events})",
            says=(
                "{{ $value | humanizePercentage }} of the events of a quarter of an hour were set aside.",
                "Somebody sends events of items that we do not know, or that break a rule; no list follows them.",
            ),
            runbook="quarantine-growing",
            threshold=f"above {share(choices.quarantine_share)}, and {choices.quarantine_events} events in 15 minutes",
        ),
        author.alert(
            "EventsRejected",
            f"({turned_away} / ({came} > 0) > {number(choices.quarantine_share)})"
            f" and ({turned_away} >= {choices.quarantine_events})",
            says=(
                "{{ $value | humanizePercentage }} of the events of a quarter of an hour were refused.",
                "A sender does not keep to the rules of events; its users' taste is not learnt.",
            ),
            runbook="quarantine-growing",
            threshold=f"above {share(choices.quarantine_share)}, and {choices.quarantine_events} events in 15 minutes",
        ),
    )


def _following(author: Author) -> tuple[AlertRule, ...]:
    choices = author.choices
    turn, revision = select(catalogue.EVENTS_KNOWN), select(catalogue.CATALOGUE_REVISION)
    behind = f"((max({turn}) - min({turn})) > {choices.reader_lag})"
    return (
        author.alert(
            "EventLagHigh",
            f"{select(catalogue.EVENT_LAG)} > {choices.event_lag}",
            says=(
                "{{ $value | humanize }} events wait to be applied.",
                "They are durable, but lists do not follow them yet.",
            ),
            runbook="event-lag",
            threshold=f"more than {choices.event_lag:,} for 15 s",
            held=15,
        ),
        author.alert(
            "ReadersBehind",
            f"{behind} or ((max({revision}) - min({revision})) > {choices.reader_lag})",
            says=(
                "A process that answers is {{ $value | humanize }} writes behind another.",
                "Its lists know neither what users did lately nor what became of items.",
            ),
            runbook="readers-behind",
            threshold=f"more than {choices.reader_lag:,} for a minute",
            held=60,
        ),
        author.alert(
            "FreshnessFailing",
            f"{risen(catalogue.FRESHNESS_FAILURES, choices.span(300))} > 10",
            says=(
                "{{ $value | humanize }} reads of what users did came to nothing.",
                "Their lists rest on what was known before.",
            ),
            runbook="readers-behind",
            threshold="more than 10 in 5 minutes",
        ),
    )


def _volume(author: Author) -> tuple[AlertRule, ...]:
    choices, now = author.choices, "tacit:events_per_second:rate30m"
    last = select(measured.LAST_EVENT)
    before = f"{now} offset {choices.span(DAY)}"
    expr = f"({now} < {number(choices.event_drop)} * {before}) and ({before} > {number(1 / 60)})"
    return (
        author.alert(
            "EventVolumeDropped",
            expr,
            says=(
                "Only {{ $value | humanize }} events a second come in; at this hour yesterday there were far more.",
                "A sender has stopped, or cannot reach us; what users do meanwhile is not learnt.",
            ),
            runbook="event-volume",
            threshold=f"below {share(choices.event_drop)} of the same hour of the day before, for half an hour",
            held=1_800,
        ),
        author.alert(
            "DataOld",
            f"(time() - ({last} > 0)) > {number(choices.data_age_days * DAY)}",
            says=(
                "No event has been applied for {{ $value | humanizeDuration }}.",
                "The version learns from what is old, and lists do not follow their users.",
            ),
            runbook="event-volume",
            threshold=f"{choices.data_age_days:g} days",
            held=300,
        ),
    )


def _losses(author: Author) -> tuple[AlertRule, ...]:
    window = author.choices.span(900)
    return (
        author.alert(
            "ExposuresDropped",
            f"{risen(catalogue.EXPOSURES, window, outcome='dropped')} > 0",
            says=(
                "{{ $value | humanize }} records of what was shown were dropped.",
                "Clicks on these lists cannot be attributed: rates, rollouts and tests know less than they should.",
            ),
            runbook="exposures-dropped",
            threshold="any in 15 minutes",
        ),
    )
