"""What versions, rollouts, access and trails are told in, beside `wording`: scores, intervals, digests (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tacit.entrypoints.console import wording
from tacit.entrypoints.console.wording import DASH

MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"

Spell = Callable[[float], str]


def number(value: object) -> float | None:
    """A number, if it is one that can be shown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def score(value: float) -> str:
    """A metric, to four places: `0.2723`."""
    return f"{value:.4f}".replace("-", MINUS)


def signed_score(value: float) -> str:
    """A difference of metrics: `+0.0251`."""
    return f"{value:+.4f}".replace("-", MINUS)


def share(value: float) -> str:
    """A share, as a percentage of three figures: `1.23 %`."""
    percent = abs(100 * value)
    places = 0 if percent >= 99.95 else 1 if percent >= 9.995 else 2
    return wording.percent(value, places).replace("-", MINUS)


def signed_share(value: float) -> str:
    """A relative difference: `+10.1 %`."""
    return f"{100 * value:+,.1f}{_SPACE}%".replace("-", MINUS)


def figures(value: float) -> str:
    """Any other number, to four figures; large ones whole."""
    return (f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}").replace("-", MINUS)


def milliseconds(value: float) -> str:
    """A time given in milliseconds; below one of them to the hundredth."""
    return f"{value:.2f}{_SPACE}ms" if 0 < value < 1 else wording.duration(value / 1_000)


def days(value: float) -> str:
    """A time in days: `6 days`."""
    return "1 day" if value == 1 else f"{value:,.3g} days"


def mebibytes(value: float) -> str:
    """A size given in MiB."""
    return wording.size(value * 2**20)


def spelled(value: object, spell: Spell = figures) -> str:
    """A number by its spelling; a dash for what is none."""
    found = number(value)
    return DASH if found is None else spell(found)


def interval(low: object, high: object, spell: Spell = score) -> str:
    """Both ends of an interval: `0.2629 to 0.2819`; nothing where one is not known."""
    ends = number(low), number(high)
    return "" if ends[0] is None or ends[1] is None else f"{spell(ends[0])} to {spell(ends[1])}"


def at_ms(at: object) -> float | None:
    """Milliseconds since 1970 of a time in ISO 8601, in UTC unless it names a zone; of one in milliseconds, itself."""
    if not isinstance(at, str):
        return number(at)
    try:
        read = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1_000


def short(digest: object) -> str:
    """The beginning of a digest, enough to tell it from others."""
    return str(digest)[:12] if digest else DASH


def value_text(value: object) -> str:
    """Any plain value on one line: numbers to six figures, lists and objects by the spelling of their parts."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {value_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value)) or "none"
    return str(value)


def words(name: str) -> str:
    """A name of the code as words: `better_than_champion` is `Better than champion`."""
    said = wording.plain(name)
    return said[:1].upper() + said[1:]
