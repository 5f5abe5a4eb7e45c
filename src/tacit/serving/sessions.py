"""What somebody without a name may like next, by what they did just now; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from tacit.errors import BadInput
from tacit.models.recommender.folding import Eigenbasis, folded
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Answer
from tacit.serving.fallback import taste_chain
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.list_making import NOBODY
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomers import Newcomers
from tacit.serving.profiles import LEAST_VALUE, taste_from
from tacit.serving.refusals import items_unknown
from tacit.serving.retrieval import Floats, Taste
from tacit.serving.workbench import Workbench

FADE = 0.8
"""What a step counts beside the one after it."""

HALF_LIFE_MS = 30 * 60_000
"""After how long a step counts half, where times are given: half an hour, after which most sites call a visit over."""

FORGOTTEN = 0.05
"""What counts less says nothing of a taste any more; with `FADE` alone that is all but the last 14 steps."""


@dataclass(frozen=True, slots=True)
class SessionStep:
    """One thing that somebody did.

    Attributes:
        item_id: What with.
        weight: How much it says for the item, or below 0 against it; one plain interaction says 1.
        occurred_at_ms: When, in milliseconds since 1970; `None` where only the order is known.
    """

    item_id: str
    weight: float = 1.0
    occurred_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """What a session says of one item.

    Attributes:
        amount: How much, in interactions; below 0 against the item.
        fade: How far it still counts, from 1 for the last step down to 0.
    """

    amount: float
    fade: float = 1.0


def worth(steps: Sequence[SessionStep]) -> dict[str, Worth]:
    """What a session says of each of its items.

    The last step counts whole, each one before it `FADE` of the next, and one that has a time half as much for each
    half hour that it lies before the latest.  Of several steps with one item the one that counts most says how far it
    still counts, and the others add to the amount.  Where all steps have times these give the order.

    Args:
        steps: In the order in which they were done.
    """
    times = [step.occurred_at_ms for step in steps if step.occurred_at_ms is not None]
    if len(times) == len(steps):
        steps = sorted(steps, key=lambda step: step.occurred_at_ms or 0)
    said: dict[str, list[tuple[float, float]]] = {}
    for place, step in enumerate(reversed(steps)):
        age = 0 if step.occurred_at_ms is None else max(times) - step.occurred_at_ms
        said.setdefault(step.item_id, []).append((step.weight, FADE**place * 0.5 ** (age / HALF_LIFE_MS)))
    return {item_id: _worth(each) for item_id, each in said.items()}


def _worth(said: Sequence[tuple[float, float]]) -> Worth:
    fade = max(fade for _, fade in said)
    if fade < FORGOTTEN:
        return Worth(0.0, 0.0)
    return Worth(sum(weight * each / fade for weight, each in said), fade)


@dataclass(frozen=True)
class Clues:
    """What somebody without a name gave away of their taste, as a version sees it.

    Attributes:
        taste: By the items that the version knows.
        fades: `(d,)` how far each item of the taste still counts.
        item_ids: Of all the items given.
        unknown: Those that neither the version nor the catalogue's door knows, in the order given.
        new: What speaks for those that the version learnt nothing of, by id: a value, and how far it counts.
    """

    taste: Taste
    fades: Floats
    item_ids: frozenset[str]
    unknown: tuple[str, ...]
    new: Mapping[str, tuple[float, float]]

    def taste_with(self, model: RecommenderModel, newcomers: Newcomers | None) -> Taste:
        """The taste with its vector, which rests on the newcomers among the items as well."""
        rows = {} if newcomers is None else newcomers.rows
        liked = {rows[item_id]: said for item_id, said in self.new.items() if item_id in rows}
        if newcomers is None or not liked:
            return self.taste if (self.fades == 1).all() else faded(model, self.taste, self.fades)
        at = np.array(sorted(liked), np.intp)
        at = at[newcomers.has_factors[np.searchsorted(newcomers.positions, at)]]
        said = np.array([liked[row] for row in at.tolist()], np.float32).reshape(-1, 2)
        return faded(model, self.taste, self.fades, more=(newcomers.factors_at(at), said[:, 0], said[:, 1]))


Given = Callable[[Workbench, LoadedVersion], Clues]
"""Reads what somebody gave away as a version sees it."""


def session_clues(steps: Sequence[SessionStep]) -> Given:
    """What a session gives away.

    Raises:
        BadInput: `session_empty`, `too_many_items`; when it is read, `items_unknown` if no item is known.
    """
    if not steps:
        raise BadInput("session_empty", "The session has no step.", field="session", fix="Send one at least.")

    def given(bench: Workbench, loaded: LoadedVersion) -> Clues:
        _check_count(bench, len(steps), "session")
        return _clues(bench, loaded, worth(steps), field="session")

    return given


def liked_clues(liked: Sequence[str]) -> Given:
    """What a list of likes gives away, each as much as another.

    Raises:
        BadInput: `liked_empty`, `too_many_items`; when it is read, `items_unknown` if no item is known.
    """
    if not liked:
        raise BadInput("liked_empty", "No liked item is given.", field="liked", fix="Name at least one.")

    def given(bench: Workbench, loaded: LoadedVersion) -> Clues:
        _check_count(bench, len(liked), "liked")
        return _clues(bench, loaded, dict.fromkeys(liked, Worth(1.0)), field="liked")

    return given


class Sessions:
    """Answers sessions.

    Args:
        bench: The parts that answers are made with.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def recommend(
        self,
        steps: Sequence[SessionStep],
        *,
        limit: int = 10,
        exclude: AbstractSet[str] = NOBODY,
        category: str | None = None,
    ) -> Answer:
        """What somebody may like next by what they just did; the items of the session are in no answer.

        Raises:
            BadInput: `limit_range`, `session_empty`, `too_many_items`, or `items_unknown` if no item is known.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        bench, given = self._bench, session_clues(steps)
        started = bench.timer()
        loaded = bench.asked(limit, category)
        clues = given(bench, loaded)
        barred = {*exclude, *clues.item_ids}
        asked = bench.making.question(loaded, clues.taste.seen, barred, limit=limit, category=category)
        # In the question's own newcomers: in those prepared next they may stand elsewhere.
        taste = clues.taste_with(loaded.model, asked.newcomers)
        outcome = bench.making.answer(loaded, asked, lambda asked: taste_chain(asked, taste))
        kept = KeptOutcome(outcome, loaded.label)
        return bench.telling.told("session", kept, started=started, unknown_items=clues.unknown)


def faded(
    model: RecommenderModel,
    taste: Taste,
    fades: Floats,
    *,
    more: tuple[Floats, Floats, Floats] | None = None,
) -> Taste:
    """A taste with its vector, each item counting as far as it has not faded.

    Between an item that somebody met, of confidence `1 + w` and preference 1, and one that they did not, of confidence
    1 and preference 0, lies one that counts by `f`: `f w` in the matrix and `f (1 + w)` on the right-hand side.  A
    weight alone that goes to 0 would leave a preference of confidence 1.

    Args:
        model: Answers.
        taste: By what the model knows.
        fades: `(d,)` `f` of its items.
        more: Factors, values and fades of further items that are liked.
    """
    known, against = taste.items < len(model.item_factors), taste.against.items < len(model.item_factors)
    side, opposed = model.side, taste.against.items[against]
    none = np.empty(0, np.float32)
    factors, of_more, fades_of_more = more or (np.empty((0, side.rotated.shape[1]), np.float32), none, none)
    turned = np.concatenate((side.rotated[taste.items[known]], factors @ side.basis, side.rotated[opposed]))
    counts = np.concatenate((fades[known], fades_of_more))
    weights = model.confidence.weights(np.concatenate((taste.values[known], of_more)))
    if not len(weights):
        return taste
    vector = folded(
        turned.astype(np.float64),
        np.concatenate((counts * weights, model.confidence.weights(taste.against.values[against]))),
        len(weights),
        over=Eigenbasis.of_side(side),
        ridge=model.ridge,
        right=counts * (1 + weights),
    )
    own = model.confidence.weights(taste.values)
    return replace(taste, factors=vector, emphasis=fades * (1 + own) / (1 + fades * own))


def _clues(bench: Workbench, loaded: LoadedVersion, said: Mapping[str, Worth], *, field: str) -> Clues:
    rows = {item_id: bench.position(loaded, item_id) for item_id in said}
    unknown = tuple(item_id for item_id, row in rows.items() if row is None and not bench.is_new(item_id))
    if len(unknown) == len(rows):
        raise items_unknown(len(rows)) if field == "liked" else _session_unknown(len(rows))
    learnt, typical = len(loaded.model.item_factors), loaded.typical_value
    known = {row: said[item_id] for item_id, row in rows.items() if row is not None}
    values = {row: each.amount * typical * (each.fade if each.amount < 0 else 1) for row, each in known.items()}
    taste = taste_from(values)
    fades = np.array([known[row].fade for row in taste.items.tolist()], np.float32)
    new = {
        item_id: (said[item_id].amount * typical, said[item_id].fade)
        for item_id, row in rows.items()
        if (row is None or row >= learnt) and said[item_id].amount * typical >= LEAST_VALUE
    }
    return Clues(taste, fades, frozenset(said), unknown, new)


def _check_count(bench: Workbench, count: int, field: str) -> None:
    if count > bench.limits.max_items:
        problem = f"{field} has {count} items; the most are {bench.limits.max_items}."
        raise BadInput("too_many_items", problem, field=field, fix="Send the latest alone.")


def _session_unknown(count: int) -> BadInput:
    return BadInput(
        "items_unknown",
        f"None of the {count} items of the session is in the catalogue.",
        field="session",
        fix="GET /api/v1/items?query=… finds items by the beginning of their title.",
    )
