"""Commands on being watched: the files that Prometheus and Alertmanager read, and whether the rules can work."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.ports import METRICS_HOST
from tacit.entrypoints.cli.render import show, table
from tacit.errors import Refused


def monitoring_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    group = typer.Typer(help="Have Prometheus and Alertmanager of your own watch Tacit.", no_args_is_help=True)
    command(group, "files")(write_files)
    command(group, "check")(check_rules)
    app.add_typer(group, name="monitoring")


def write_files(
    asked: Asked,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to; made where it is missing.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Where /metrics is, as host:port; several are told one by one.", show_default=False),
    ] = None,
    alertmanager: Annotated[str, typer.Option(help="Where Alertmanager is, as host:port.")] = "127.0.0.1:9093",
    prometheus: Annotated[str, typer.Option(help="Where Prometheus itself is, as host:port.")] = "127.0.0.1:9090",
) -> None:
    """Write prometheus.yml, tacit.rules.yml and alertmanager.yml, as the settings in force have them."""
    from tacit.bootstrap.alerting import written_files

    in_force = asked.settings()
    targets = target or [f"{METRICS_HOST}:{in_force.settings.metrics_on}"]
    paths = written_files(in_force, out, targets, alertmanager=alertmanager, prometheus=prometheus)
    show({"files": [str(each) for each in paths]}, lambda: _next_steps(out, paths), is_json=asked.is_json)


def check_rules(
    asked: Asked,
    *,
    runbooks: Annotated[
        Path | None,
        typer.Option(help="Folder of the runbooks; unset, docs/runbooks where there is one.", show_default=False),
    ] = None,
) -> None:
    """Look for rules that could never fire, that nobody owns, or that no runbook explains."""
    from tacit.bootstrap.alerting import checked_rules

    in_force = asked.settings()
    folder = runbooks or Path("docs/runbooks")
    is_there = folder.is_dir()
    if runbooks is not None and not is_there:
        raise Refused("runbooks_missing", f"There is no folder {runbooks}.", field="runbooks", fix="Name another.")
    found = checked_rules(in_force.settings, folder if is_there else None)
    said = f"{found.rules} rules over {found.metrics} metrics were looked at; {len(found.problems)} are wrong."
    notes = [*(() if is_there else ("Runbooks were not looked at: name their folder.",)), *found.notes]
    rows = [(each.rule, each.detail) for each in found.problems]
    human = [*([table(("rule", "what is wrong"), rows)] if rows else []), said, *notes]
    show({**asdict(found), "runbooks": str(folder) if is_there else None}, lambda: human, is_json=asked.is_json)
    if rows:
        raise Refused(
            "rules_wrong",
            f"{len(rows)} rules cannot do what they are for: {', '.join(sorted({name for name, _ in rows}))[:200]}.",
            fix="Mend what is named above; thresholds are the settings under alerts and slo.",
        )


def _next_steps(out: Path, paths: tuple[Path, ...]) -> list[str]:
    return [
        *(f"wrote {path}" for path in paths),
        "Next:",
        f"  promtool check config {out / 'prometheus.yml'}",
        f"  amtool check-config {out / 'alertmanager.yml'}",
        f"  prometheus --config.file={out / 'prometheus.yml'}",
        f"  prometheus-alertmanager --config.file={out / 'alertmanager.yml'} --cluster.listen-address=",
        "Both reload their files on SIGHUP. `tacit up --with-monitoring` does all of this by itself.",
    ]
