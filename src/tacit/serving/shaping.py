"""A list chosen from what a chain finds: no category too often, and nothing too much like what is above it (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tacit.errors import Unavailable
from tacit.monitoring import tracing
from tacit.serving.answers import Recommendation
from tacit.serving.diversity import Marginal
from tacit.serving.fallback import Outcome, Question
from tacit.serving.retrieval import unit_factors_of
from tacit.serving.shapes import Room, Shape

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """What choosing asks of items.

    Attributes:
        categories: Those of an item now, by its id.
        directions: `(n, k)` factors of length 1 of some items, by their ids; zero for one that has none.
    """

    categories: Callable[[str], Sequence[str]]
    directions: Callable[[Sequence[str]], Floats]


Ask = Callable[[int, Sequence[str], frozenset[str]], Outcome]
"""A chain's answer of some length, without the items given, and without those of some categories."""


def shaped(ask: Ask, shape: Shape, known: Known) -> Outcome:
    """The list of a shape, and behind it what is kept in reserve, chosen in the same way.

    Without diversity it is exactly what remains when one goes down all that the step finds and passes over each item
    one of whose categories is full.  For that the chain is asked again, without the full categories, for as long as
    there is room: at most once for each item of the list.  A blended list is fused anew from what is left.

    Only the step that answered first is gone on with: a list is of one source.

    Args:
        ask: Asks the chain.
        shape: What is wanted.
        known: What is known of items.
    """
    room = shape.room()
    first = ask(shape.pool, (), frozenset())
    chosen = _picked(first.items, shape, room=room, known=known, above=())
    found, passed = first, [item.item_id for item in first.items]
    while shape.cap is not None and len(chosen) < shape.limit and len(found.items) >= shape.pool:
        try:
            found = ask(shape.pool, passed, room.full)
        except Unavailable:
            break
        if found.source != first.source or not found.items:
            break
        chosen += _picked(found.items, shape, room=room, known=known, above=chosen)
        passed += [item.item_id for item in found.items]
    return replace(first, items=tuple(chosen))


def shaped_answer(asked: Question, chain: Callable[[Question], Outcome]) -> Outcome:
    """What a chain comes to for a question, in the question's shape.

    Args:
        asked: The question.
        chain: Answers it, and the same asked for more items and with more of them barred.
    """
    shape = asked.shape
    if shape is None:
        return chain(asked)
    with tracing.step("shape"):
        return _shaped(asked, chain, shape)


def _shaped(asked: Question, chain: Callable[[Question], Outcome], shape: Shape) -> Outcome:
    fields = asked.fields

    def ask(length: int, passed: Sequence[str], full: frozenset[str]) -> Outcome:
        off = asked.wanted.barred
        if fields is not None and (passed or full):
            is_full = np.logical_or.reduce([fields.in_category(each) for each in full]) if full else ()
            off = np.unique(np.concatenate((off, fields.positions(passed), np.flatnonzero(is_full))))
        return chain(replace(asked, wanted=replace(asked.wanted, limit=length, barred=off)))

    def categories(item_id: str) -> Sequence[str]:
        position = None if fields is None else fields.position(item_id)
        return () if fields is None or position is None else fields.categories_at(position)

    def directions(item_ids: Sequence[str]) -> Floats:
        return directions_of(asked, item_ids)

    return shaped(ask, shape, Known(categories, directions))


def directions_of(asked: Question, item_ids: Sequence[str]) -> Floats:
    """`(n, k)` factors of length 1 of items; zero for those that have none."""
    model, new = asked.model, {} if asked.newcomers is None else asked.newcomers.rows
    found = np.zeros((len(item_ids), model.item_factors.shape[1]), np.float32)
    for place, item_id in enumerate(item_ids):
        row = model.item_rows.get(item_id, new.get(item_id))
        if row is not None and (row < len(model.item_factors) or item_id in new):
            found[place] = unit_factors_of(model, row, asked.newcomers)
    return found


def _picked(
    pool: Sequence[Recommendation],
    shape: Shape,
    *,
    room: Room,
    known: Known,
    above: Sequence[Recommendation],
) -> list[Recommendation]:
    """What of a pool is added to what stands above it."""
    most = shape.limit + shape.reserve - len(above)
    if not shape.diversity or len(pool) < 2:
        return _fitting(pool, most=most, room=room, known=known)
    ids = [item.item_id for item in pool]
    marginal = Marginal(known.directions(ids), shape.diversity)
    marginal.beside(known.directions([item.item_id for item in above]))
    picked: list[Recommendation] = []
    while len(picked) < most and (best := marginal.best()) is not None:
        if room.let_in(known.categories(ids[best])):
            picked.append(pool[best])
            marginal.take(best)
        else:
            marginal.pass_over(best)
    return picked


def _fitting(pool: Sequence[Recommendation], *, most: int, room: Room, known: Known) -> list[Recommendation]:
    fitting = (item for item in pool if room.let_in(known.categories(item.item_id)))
    return list(islice(fitting, most))
