"""The model card: what a version is, in words and tables that its own gate record is the only source of (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tacit.models.training import TrainingRun

_LIMITS = """Offline scores say how well it foretells what people chose by themselves, not what they would have chosen
had they been shown its lists. Users and items below the snapshot's minima were not learnt from.
"""


def model_card(
    name: str, *, training: TrainingRun, gate: Mapping[str, object], facts: Mapping[str, object], snapshot: str
) -> str:
    """A version's model card in Markdown, after Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019)."""
    baselines = {key: scored.metrics for key, scored in training.baselines.items()}
    parts = [
        f"# {name}\n",
        f"Verdict of the gate: **{gate['verdict']}**\n",
        _bullets(str(reason) for reason in _listed(gate["reasons"])),
        f"Compared with the champion: {gate['champion'] or 'none'}\n",
        "## What it learnt from\n",
        f"Snapshot `{snapshot}`\n",
        _table(("fact", "value"), ((key, value) for key, value in facts.items() if key != "rules")),
        "## How it was trained\n",
        _table(("hyperparameter", "value"), training.fitted.hyperparameters.items()),
        "## How good it is\n",
        "Full ranking over the whole catalogue, on interactions held out from training.\n",
        _metrics_table(training, baselines),
        "## For whom\n",
        _segments_table(training.evaluation.segments),
        "## Limits\n",
        _LIMITS,
    ]
    return "\n".join(parts)


def _metrics_table(training: TrainingRun, baselines: Mapping[str, Mapping[str, float]]) -> str:
    header = ("metric", "this version", "95 % interval", *baselines)
    rows = []
    for metric, value in training.evaluation.metrics.items():
        interval = training.evaluation.intervals.get(metric)
        spread = f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
        others = (f"{scores.get(metric, float('nan')):.4f}" for scores in baselines.values())
        rows.append((metric, f"{value:.4f}", spread, *others))
    return _table(header, rows)


def _segments_table(segments: Mapping[str, Mapping[str, float]]) -> str:
    rows = (
        (segment, int(means["cases"]), f"{means['ndcg@10']:.4f}" if "ndcg@10" in means else "")
        for segment, means in segments.items()
    )
    return _table(("segment", "users", "ndcg@10"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else []
