"""The model card: what a version is, in words and tables that its signed manifest is the only source of (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

_LIMITS = """Offline scores say how well it foretells what people chose by themselves, not what they would have chosen
had they been shown its lists. Users and items below the snapshot's minima were not learnt from.
"""

_UNTOLD = frozenset({"rules", "holdout"})
"""Facts of the data that are told elsewhere, or by a digest."""

Record = Mapping[str, object]


def model_card(name: str, *, snapshot: str, hyperparameters: Record, lineage: Record, gate: Record) -> str:
    """A version's model card in Markdown, after Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019).

    Whoever has the manifest can write the same card again, byte for byte.

    Args:
        name: Name of the model.
        snapshot: Fingerprint of what it learnt from.
        hyperparameters: What it was trained with.
        lineage: Where its data came from.
        gate: The gate record.
    """
    parts = [
        f"# {name}\n",
        f"Verdict of the gate: **{gate['verdict']}**\n",
        _bullets(_texts(gate.get("reasons"))),
        f"Compared with the champion: {gate.get('champion') or 'none'}\n",
        f"Asked to: {gate.get('policy')}. {gate.get('policy_reason')}\n",
        "## What the gate found\n",
        findings_table(gate),
        _idle(gate),
        "## What it learnt from\n",
        _origin(snapshot, lineage, gate),
        "## How it was trained\n",
        _table(("hyperparameter", "value"), sorted(hyperparameters.items())),
        "## How good it is\n",
        "Full ranking over the whole catalogue, on interactions held out from training.\n",
        _metrics_table(gate),
        "## For whom\n",
        _segments_table(gate),
        "## Limits\n",
        _LIMITS,
    ]
    return "\n".join(parts)


def findings_table(gate: Record) -> str:
    """Every gate, what it said, its numbers and what they were held against."""
    return _table(("gate", "said", "numbers", "limits"), finding_rows(gate))


def finding_rows(gate: Record) -> list[tuple[str, str, str, str]]:
    """The same as rows; a record of the time before limits were kept has none."""
    return [
        (str(each.get("gate")), str(each.get("outcome")), _spelled(each.get("numbers")), _spelled(each.get("limits")))
        for each in _records(gate.get("findings"))
    ]


def idle_lines(gate: Record) -> list[str]:
    """Each gate that had nothing to go by, and why."""
    return [f"{each.get('gate')}: {each.get('reason')}" for each in _records(gate.get("idle"))]


def _idle(gate: Record) -> str:
    lines = idle_lines(gate)
    return "Nothing to go by had:\n\n" + _bullets(lines) if lines else "Every gate had something to go by.\n"


def _origin(snapshot: str, lineage: Record, gate: Record) -> str:
    holdout = _record(gate.get("holdout"))
    known = lineage.get("watermark_ms")
    until = datetime.fromtimestamp(known / 1_000, UTC).isoformat() if isinstance(known, int) else "an unknown time"
    facts = ((key, value) for key, value in sorted(lineage.items()) if key not in _UNTOLD)
    return "\n".join(
        (
            f"Snapshot `{snapshot}`, which knows what happened until {until}\n",
            f"Hold-out `{holdout.get('fingerprint')}`, {holdout.get('cases')} users\n",
            _table(("fact", "value"), facts),
        )
    )


def _metrics_table(gate: Record) -> str:
    scored, baselines = _record(gate.get("evaluation")), _record(gate.get("baselines"))
    metrics, intervals = _record(scored.get("metrics")), _record(scored.get("intervals"))
    champion = _record(gate.get("champion_metrics"))
    header = ("metric", "this version", "95 % interval", "champion", *sorted(baselines))
    rows = [
        (
            name,
            _number(value),
            _interval(intervals.get(name)),
            _number(champion.get(name)),
            *(_number(_record(baselines[each]).get(name)) for each in sorted(baselines)),
        )
        for name, value in sorted(metrics.items())
    ]
    return _table(header, rows)


def _segments_table(gate: Record) -> str:
    segments, metric = _record(_record(gate.get("evaluation")).get("segments")), str(gate.get("metric"))
    rows = (
        (name, f"{_record(means).get('cases'):.0f}", _number(_record(means).get(metric)))
        for name, means in sorted(segments.items())
    )
    return _table(("segment", "users", metric), rows)


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _interval(value: object) -> str:
    ends = value if isinstance(value, list | tuple) else ()
    return " to ".join(_number(end) for end in ends)


def _spelled(value: object) -> str:
    """Names and numbers, short enough for a cell."""
    return ", ".join(
        f"{name} {'none' if number is None else format(number, '.4g')}"
        for name, number in sorted(_record(value).items())
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _records(value: object) -> list[Record]:
    return [_record(each) for each in value] if isinstance(value, list | tuple) else []


def _record(value: object) -> Record:
    return value if isinstance(value, Mapping) else {}
