"""Progress where there is no terminal: a line per step worth telling, a sign of life in long ones."""

from __future__ import annotations

import io

from tacit.entrypoints.cli.progress import StepLines, shown_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(moments: list[tuple[float, str, float]], end: float) -> list[str]:
    """What is written if steps report at some moments, in seconds."""
    now = [0.0]
    stream = io.StringIO()
    lines = StepLines(stream, clock=lambda: now[0])
    for moment, step, share in moments:
        now[0] = moment
        lines(step, share)
    now[0] = end
    lines.finish()
    return stream.getvalue().splitlines()


def test_a_step_is_told_with_its_time_when_the_next_one_begins() -> None:
    assert told([(0, "reading", 0.1), (2, "reading", 0.9), (3, "judging", 0.0)], end=6) == [
        "  reading: 3.0 s",
        "  judging: 3.0 s",
    ]


def test_a_step_that_took_no_time_is_not_worth_a_line() -> None:
    assert told([(0, "reading", 0), (0.1, "judging", 0), (0.2, "committing", 0)], end=5) == ["  committing: 4.8 s"]


def test_a_long_step_shows_that_it_goes_on() -> None:
    lines = told([(second, "solving", second / 40) for second in range(40)], end=40)

    assert lines == [
        "  solving: 25% after 10 s",
        "  solving: 50% after 20 s",
        "  solving: 75% after 30 s",
        "  solving: 40.0 s",
    ]


def test_a_file_gets_lines_and_a_terminal_gets_bars() -> None:
    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        with shown_progress(stream) as progress:
            progress("solving", 0.5)
            progress("signing", 0.0)

    assert file.getvalue() == ""
    assert "solving" in terminal.getvalue()
    assert "100 %" in terminal.getvalue()
