"""What was measured along the way of a run, as a line to be drawn (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.spelling import figures
from tacit.entrypoints.console.wording import whole

_HEIGHT = 40
_MARGIN = 3


@dataclass(frozen=True)
class DrawnCurve:
    """A curve in a field of 100 by 40.

    Attributes:
        title: What was measured.
        path: The line, as SVG has it.
        first: The first value.
        last: The last.
        begin: The iteration of the first.
        end: That of the last.
        summary: All of it in a sentence, for whoever does not see it.
    """

    title: str
    path: str
    first: str
    last: str
    begin: str
    end: str
    summary: str


def drawn_curve(title: str, points: Sequence[tuple[int, float]]) -> DrawnCurve | None:
    """A curve; `None` where one point or none was measured."""
    if len(points) < 2:
        return None
    (begin, first), (end, last) = points[0], points[-1]
    values = [value for _, value in points]
    lowest, span, width = min(values), (max(values) - min(values)) or 1.0, (end - begin) or 1
    places = (
        (100 * (at - begin) / width, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * (value - lowest) / span)
        for at, value in points
    )
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places)
    said = (figures(first), figures(last), whole(begin), whole(end))
    summary = f"{title} from {said[0]} after iteration {said[2]} to {said[1]} after {said[3]}."
    return DrawnCurve(title, path, *said, summary)
