"""Commands on alerts: what is wrong now, and who need not be told of it for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command, group_command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.monitoring.alert_desk import AlertState, Silence


def alert_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    alerts = typer.Typer(help="See what is wrong now, and have an alert be silent; `list` unless you say otherwise.")
    group_command(alerts)(_alerts)
    command(alerts, "list")(list_alerts)
    command(alerts, "silence")(silence_alert)
    command(alerts, "unsilence")(end_silence)
    app.add_typer(alerts, name="alerts")


def _alerts(asked: Asked, context: typer.Context) -> None:
    """See what is wrong now, and have an alert be silent; `list` unless you say otherwise."""
    if context.invoked_subcommand is None:
        list_alerts(asked)


def list_alerts(
    asked: Asked,
    *,
    rules: Annotated[bool, typer.Option("--rules", help="Everything that can be wrong, too.")] = False,
) -> None:
    """List what is wrong now; say so where nobody watches."""
    from tacit.bootstrap.monitoring import alert_desk
    from tacit.monitoring.alert_desk import described

    with asked.opened() as app:
        state = alert_desk(app).state()
    show(described(state), lambda: _shown(state, with_rules=rules), is_json=asked.is_json)


def silence_alert(
    asked: Asked,
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="The rule's name.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands beside the silence and in the audit trail.")],
    hours: Annotated[float, typer.Option(help="How long, up to 720.")] = 1.0,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only alerts that bear it; repeat it for several.")
    ] = None,
) -> None:
    """Have nobody be told of an alert for a while; it goes on to be listed."""
    from tacit.bootstrap.monitoring import alert_desk

    labels = dict(_pair(each) for each in label or ())
    with asked.opened() as app:
        made = alert_desk(app).silence(alert, hours=hours, reason=reason, labels=labels, actor=actor())
    _show_silence(asked, made)


def end_silence(
    asked: Asked, silence_id: Annotated[str, typer.Argument(metavar="SILENCE", help="Id of the silence.")]
) -> None:
    """End a silence before its time."""
    from tacit.bootstrap.monitoring import alert_desk

    with asked.opened() as app:
        ended = alert_desk(app).unsilence(silence_id, actor=actor())
    _show_silence(asked, ended)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter("write NAME=VALUE, for example instance=127.0.0.1:9000", param_hint="--label")
    return name, value


def _shown(state: AlertState, *, with_rules: bool) -> Iterator[RenderableType]:
    yield _heading(state)
    if state.watch is not None:
        for trouble in state.watch.troubles:
            yield f"Nobody watches: {trouble.detail}"
    if state.alerts:
        alerts = [(each.name, each.severity, each.state, each.since, each.summary) for each in state.alerts]
        yield table(("alert", "severity", "state", "since", "summary"), alerts)
    if state.silences:
        silences = [(each.silence_id, each.alert or each.labels, each.until, each.reason) for each in state.silences]
        yield table(("silence", "alert", "until", "reason"), silences)
    if with_rules:
        rules = [(each.name, each.severity, each.threshold, each.owner, each.runbook) for each in state.rules]
        yield table(("rule", "severity", "threshold", "owner", "runbook"), rules)


def _heading(state: AlertState) -> str:
    if state.state != "watched":
        return f"{state.state}: {state.detail}"
    firing = sum(each.state == "firing" for each in state.alerts)
    return f"watched: {firing} firing, {len(state.alerts) - firing} quiet, {len(state.rules)} rules."


def _show_silence(asked: Asked, silence: Silence) -> None:
    found = asdict(silence)
    show(found, lambda: [facts(found)], is_json=asked.is_json)
