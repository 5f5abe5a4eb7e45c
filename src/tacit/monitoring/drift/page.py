"""The daily report: one page of HTML that needs no script, no font and no network (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from tacit.monitoring.drift.page_style import STYLE
from tacit.monitoring.drift.report import (
    Bar,
    Burst,
    DriftReport,
    FeatureDrift,
    Quality,
    RateChange,
    State,
    Thresholds,
)

Points = Sequence[tuple[int, float | None]]

_WORDS: dict[State, str] = {
    "ok": "steady",
    "warn": "moved",
    "retrain": "moved far",
    "not_enough_data": "not enough data",
}
_DEEDS = {
    "none": "Nothing had to be done.",
    "asked": "A retraining was asked for.",
    "answered": "A retraining was begun since this rose.",
    "held": "A retraining is held back by the cooldown.",
}
_WIDTH, _HEIGHT = 720, 150


def report_page(report: DriftReport, points: Points, thresholds: Thresholds) -> str:
    """The page.

    Args:
        report: The look it is about.
        points: Moments and overall scores until then, oldest first.
        thresholds: Where the lines are drawn.
    """
    body = "\n".join(_body(report, points, thresholds))
    title = f"Drift, {_moment(report.at_ms)[:10]}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _body(report: DriftReport, points: Points, thresholds: Thresholds) -> Iterator[str]:
    yield _head(report, thresholds)
    yield f"<section><h2>The last two weeks</h2>{_timeline(points, thresholds)}</section>"
    yield _columns(report.quality, report)
    cards = "".join(_card(each, thresholds) for each in report.features)
    yield f'<section><h2>Features</h2><div class="cards">{cards}</div></section>'
    yield _rates(report.rates)
    yield _bursts(report.bursts)
    yield _notes(thresholds)


def _head(report: DriftReport, thresholds: Thresholds) -> str:
    score = "–" if report.overall is None else f"{report.overall:.2f}"
    version = "no version" if report.version is None else f"version {report.version}"
    return (
        f'<header class="{report.state}"><div><p class="eyebrow">Drift report · {version}</p>'
        f"<h1>{_verdict(report)}</h1>"
        f"<p>{_moment(report.from_ms)} to {_moment(report.to_ms)} UTC, held against the time since "
        f"{_moment(report.reference_from_ms)[:10]}. {_DEEDS.get(report.retraining, '')}</p></div>"
        f'<div class="score"><strong>{score}</strong>{_gauge(report.overall, thresholds)}</div></header>'
    )


def _verdict(report: DriftReport) -> str:
    moved = [each.title for each in report.features if each.state in ("warn", "retrain")]
    if report.state == "not_enough_data":
        return "There is not enough data to tell"
    if not moved:
        return "Users do what they did"
    worst = max(report.features, key=lambda each: each.score or 0.0)
    others = f", and {len(moved) - 1} more" if len(moved) > 1 else ""
    return f"{escape(worst.title)}: {_WORDS[worst.state]}{others}"


def _gauge(score: float | None, thresholds: Thresholds) -> str:
    """A bar from 0 to 1 with the two thresholds."""
    filled = 0.0 if score is None else 200 * score
    marks = "".join(f'<line x1="{200 * at:.1f}" x2="{200 * at:.1f}" y1="0" y2="14"/>' for at in _lines(thresholds))
    told = "unknown" if score is None else f"{score:.2f}"
    return (
        f'<svg class="gauge" viewBox="0 0 200 14" preserveAspectRatio="none" role="img" aria-label="score {told} of 1">'
        f'<rect class="track" width="200" height="8" y="3" rx="4"/>'
        f'<rect class="fill" width="{filled:.1f}" height="8" y="3" rx="4"/>{marks}</svg>'
    )


def _timeline(points: Points, thresholds: Thresholds) -> str:
    known = [(at, score) for at, score in points if score is not None]
    if len(known) < 2:
        return '<p class="quiet">A line appears here from the second look on.</p>'
    first, last = known[0][0], known[-1][0]
    places = [((at - first) / max(1, last - first) * _WIDTH, _y(score)) for at, score in known]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    lines = "".join(
        f'<line class="{name}" x1="0" x2="{_WIDTH}" y1="{_y(at):.1f}" y2="{_y(at):.1f}"/>'
        f'<text x="0" y="{_y(at) - 4:.1f}">{name} {at:g}</text>'
        for name, at in zip(("warn", "retrain"), _lines(thresholds), strict=True)
    )
    x, y = places[-1]
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {_HEIGHT + 22}" role="img" '
        f'aria-label="overall score over time, last {known[-1][1]:.2f}">{lines}'
        f'<polygon class="area" points="0,{_HEIGHT} {path} {_WIDTH},{_HEIGHT}"/><polyline points="{path}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/><text x="0" y="{_HEIGHT + 18}">{_moment(first)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 18}" text-anchor="end">{_moment(last)}</text></svg>'
    )


def _y(score: float) -> float:
    return _HEIGHT - score * (_HEIGHT - 6)


def _lines(thresholds: Thresholds) -> tuple[float, float]:
    return thresholds.warn, thresholds.retrain


def _columns(quality: Iterable[Quality], report: DriftReport) -> str:
    """Drift, estimated and measured side by side."""
    drift = "–" if report.overall is None else f"{report.overall:.2f}"
    rows = "".join(
        f"<tr><th>{escape(each.metric)}</th><td>{_share(each.baseline)}</td><td>{drift}</td>"
        f"<td>{_share(each.estimated)}</td><td>{_share(each.measured)}{_interval(each)}</td>"
        f"<td>{each.units:,}</td><td>{_badge(each.state)}</td></tr>"
        for each in quality
    )
    return (
        "<section><h2>Drift is not damage</h2><div class='wide'><table><thead><tr><th>measure</th><th>it was</th>"
        "<th>drift</th><th>estimated without clicks</th><th>measured from clicks</th><th>lists</th><th></th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _card(each: FeatureDrift, thresholds: Thresholds) -> str:
    if each.score is None:
        facts = f"<p class='quiet'>{each.units:,} in the window: too few, or too short a history to tell.</p>"
    else:
        facts = f"{_gauge(each.score, thresholds)}{_bars(each.bars)}{_small_print(each)}"
    score = "" if each.score is None else f"<strong>{each.score:.2f}</strong>"
    return (
        f'<article class="{each.state}"><div class="row"><h3>{escape(each.title)}</h3>{score}</div>'
        f"{_badge(each.state)}{facts}</article>"
    )


def _small_print(each: FeatureDrift) -> str:
    season = "" if each.season == "none" else f", weighed by the {each.season}"
    return (
        f"<p class='quiet'>{escape(each.measure)} {each.effect:.3f} (edge {each.edge:.3f}) · "
        f"p {_chance(each.p_value)} · by its history {_chance(each.chance)} · "
        f"{each.units:,} against {each.reference_units:,}{season}</p>"
    )


def _bars(bars: Sequence[Bar]) -> str:
    """Two thin bars for each cell: before and now."""
    if not bars:
        return ""
    most = max(1e-9, *(max(each.before, each.now) for each in bars))
    rows = "".join(
        f"<li><span>{escape(each.label)}</span><svg viewBox='0 0 100 9' preserveAspectRatio='none' aria-hidden='true'>"
        f"<rect class='before' width='{100 * each.before / most:.1f}' height='4'/>"
        f"<rect class='now' y='5' width='{100 * each.now / most:.1f}' height='4'/></svg>"
        f"<em>{each.before:.1%} → {each.now:.1%}</em></li>"
        for each in bars
    )
    return f"<ul class='bars'>{rows}</ul>"


def _rates(rates: Sequence[RateChange]) -> str:
    if not rates:
        return "<section><h2>Online rates</h2><p class='quiet'>No rate changed in the window.</p></section>"
    rows = "".join(
        f"<tr><th>{escape(each.rate)}</th><td>{_moment(each.at_ms)}</td><td>{_rate(each, each.before)}</td>"
        f"<td>{_rate(each, each.after)}</td></tr>"
        for each in rates
    )
    head = "<tr><th>rate</th><th>seen at</th><th>before</th><th>after</th></tr>"
    return f"<section><h2>Online rates</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _rate(change: RateChange, value: float) -> str:
    return f"{value:,.0f}" if change.rate == "events_a_day" else f"{value:.1%}"


def _bursts(bursts: Sequence[Burst]) -> str:
    if not bursts:
        return "<section><h2>Sudden items</h2><p class='quiet'>No item stands out.</p></section>"
    rows = "".join(
        f"<tr><th>{escape(each.name or each.item)}</th><td>{each.count:,}</td><td>{each.expected:,.1f}</td>"
        f"<td>{each.z:.1f}</td></tr>"
        for each in bursts
    )
    head = "<tr><th>item</th><th>chosen</th><th>expected</th><th>z</th></tr>"
    return f"<section><h2>Sudden items</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _notes(thresholds: Thresholds) -> str:
    return (
        "<footer><p>A score is a bounded effect size, held against what the same comparison came to at earlier moments "
        f"with windows of the same size: {thresholds.warn:g} is the edge of what the history does by itself, 1 is "
        f"complete change. Above {thresholds.retrain:g} a retraining is asked for; only the gate may promote what "
        "comes of it. The p-value beside it takes events for independent, which they are not.</p></footer>"
    )


def _badge(state: State) -> str:
    return f'<span class="badge {state}">{_WORDS[state]}</span>'


def _interval(each: Quality) -> str:
    return "" if each.low is None or each.high is None else f" <small>{each.low:.1%} – {each.high:.1%}</small>"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _chance(value: float | None) -> str:
    if value is None:
        return "–"
    return "&lt; 0.0001" if value < 1e-4 else f"{value:.4f}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
