"""What a look at drift found: the values that the console, the API, the gauges and the daily report show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warn", "retrain", "not_enough_data"]
STATES: tuple[State, ...] = ("ok", "warn", "retrain", "not_enough_data")
STATE_NUMBERS: Mapping[State, int] = {"ok": 0, "warn": 1, "retrain": 2, "not_enough_data": -1}
"""What the gauge of a state stands at."""

FEATURES: Mapping[str, str] = {
    "popularity": "How popular what is chosen is",
    "categories": "Which categories are chosen",
    "tastes": "Where in the model's space the choices lie",
    "values": "Ratings and amounts",
    "new_items": "Share of choices that go to new items",
    "new_users": "Share of users seen for the first time",
    "types": "Kinds of event",
    "activity": "How soon users come back",
    "pace": "How much goes on",
    "sources": "Which steps of the chain answer",
    "degraded": "Share of degraded lists",
    "ctr": "Click-through rate",
}
"""Every feature there is, and what it says, in the order shown."""
LEARNT = frozenset({"popularity", "categories", "tastes", "values", "new_items", "new_users", "types", "ctr"})
"""Features whose change a model can learn from: only these reach `retrain`.  Twice the traffic teaches it nothing."""


@dataclass(frozen=True)
class Bar:
    """One cell of a feature.

    Attributes:
        label: What the cell is called.
        before: Its share of the reference, from 0 to 1.
        now: Its share of the window.
    """

    label: str
    before: float
    now: float


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature has moved.

    Attributes:
        name: One of `FEATURES`.
        state: What it comes to.
        score: From 0 to 1: 0.3 is the edge of what its history does by itself; `None` where there is not enough data.
        effect: The bounded effect size as it is: Jensen-Shannon, Kolmogorov-Smirnov, energy, or difference by sum.
        measure: Which of these it is.
        edge: The effect at which the score is 0.3.
        chance: How often a stable window gets so far, by the feature's own history.
        p_value: That of the textbook test (χ², Kolmogorov-Smirnov, permutation), which takes all for independent.
        cramers_v: Of categories; `None` for other features.
        units: Events, or lists, in the window.
        reference_units: Those it was held against.
        windows: How many windows of the history, that do not overlap, stand behind the calibration.
        season: How the reference was weighed: `none`, `day` or `week`.
        bars: Its cells that moved most, furthest first.
    """

    name: str
    state: State
    units: int
    score: float | None = None
    effect: float | None = None
    measure: str = ""
    edge: float | None = None
    chance: float | None = None
    p_value: float | None = None
    cramers_v: float | None = None
    reference_units: int = 0
    windows: float = 0.0
    season: str = "none"
    bars: tuple[Bar, ...] = ()

    @property
    def title(self) -> str:
        """What it says, for a person."""
        return FEATURES.get(self.name, self.name)


@dataclass(frozen=True)
class Quality:
    """One measure of quality: what it was, what it should be by now, what it is.

    Attributes:
        metric: `ctr` or `precision@10`.
        baseline: What it was: clicks of the reference, the version's hold-out.
        estimated: What it should be now, without any click: the baseline of each part, weighed as the parts are now.
        measured: What it is, from the clicks there are.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
        units: Lists behind it.
        state: `warn` where the interval lies more than a tenth below what was estimated.
    """

    metric: str
    baseline: float | None = None
    estimated: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    units: int = 0
    state: State = "not_enough_data"


@dataclass(frozen=True)
class RateChange:
    """A change of an online rate that a streaming detector saw.

    Attributes:
        rate: `ctr`, `degraded` or `quarantined`, from 0 to 1, or `events_a_day`.
        at_ms: When it was seen.
        before: The rate until then.
        after: The rate since.
    """

    rate: str
    at_ms: int
    before: float
    after: float


@dataclass(frozen=True)
class Burst:
    """An item that is chosen far more often than it was.

    Attributes:
        item: Its id.
        name: What it is called.
        count: How often it was chosen in the window.
        expected: How often it would have been.
        z: How many standard deviations that is, on the scale on which counts have a constant one.
    """

    item: str
    name: str
    count: int
    expected: float
    z: float


@dataclass(frozen=True)
class DriftReport:
    """One look.

    Attributes:
        at_ms: When it was made, in milliseconds since 1970, UTC.
        from_ms: Where the window begins.
        to_ms: Where it ends.
        reference_from_ms: Where the reference begins.
        version: Number of the champion; `None` without one.
        overall: The largest score, those beside `LEARNT` counting for no more than the trigger; `None` if there is
            none.
        state: What it comes to.
        features: Every feature, in the order of `FEATURES`.
        quality: The measures of quality.
        rates: Changes of online rates within the window.
        bursts: Items that are suddenly chosen, the furthest first.
        retraining: What was done about it: `none`, `asked`, `answered` or `held`.
        job_id: The training that it asked for.
    """

    at_ms: int
    from_ms: int
    to_ms: int
    reference_from_ms: int
    version: int | None
    overall: float | None
    state: State
    features: tuple[FeatureDrift, ...] = ()
    quality: tuple[Quality, ...] = ()
    rates: tuple[RateChange, ...] = ()
    bursts: tuple[Burst, ...] = ()
    retraining: str = "none"
    job_id: str | None = None

    def feature(self, name: str) -> FeatureDrift | None:
        """One feature, if it was looked at."""
        return next((each for each in self.features if each.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        told = asdict(self)
        for each in told["features"]:
            each["title"] = FEATURES.get(each["name"], each["name"])
        return told

    @classmethod
    def of_dict(cls, told: Mapping[str, Any]) -> DriftReport:
        """The report that `as_dict` told."""
        parts = {
            "features": tuple(_feature(each) for each in told["features"]),
            "quality": tuple(Quality(**each) for each in told["quality"]),
            "rates": tuple(RateChange(**each) for each in told["rates"]),
            "bursts": tuple(Burst(**each) for each in told["bursts"]),
        }
        return cls(**{**told, **parts})


@dataclass(frozen=True)
class Thresholds:
    """Scores that mean something.

    Attributes:
        warn: From here on somebody is told.
        retrain: Above it a training is asked for.
    """

    warn: float = 0.3
    retrain: float = 0.6

    def state(self, score: float | None, *, is_learnt: bool = True) -> State:
        """What a score comes to."""
        if score is None:
            return "not_enough_data"
        if is_learnt and score > self.retrain:
            return "retrain"
        return "warn" if score >= self.warn else "ok"

    def overall(self, features: Sequence[FeatureDrift]) -> float | None:
        """The largest score; what a model cannot learn from does not pass the trigger."""
        known = [(each.name in LEARNT, each.score) for each in features if each.score is not None]
        capped = [score if is_learnt else min(score, self.retrain) for is_learnt, score in known]
        return max(capped, default=None)


def _feature(told: Mapping[str, Any]) -> FeatureDrift:
    kept = {name: value for name, value in told.items() if name not in ("title", "bars")}
    return FeatureDrift(**kept, bars=tuple(Bar(**each) for each in told["bars"]))
