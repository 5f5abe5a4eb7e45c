"""What events are to do: how much each weighs, or why it may not have its effect, decided from values alone (pure)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol

from tacit.data.event_columns import LoggedColumns
from tacit.data.event_effects import MILLIONTHS, Effect, EffectColumns, Reason
from tacit.data.events import Event, LoggedEvent


class Weighed(Protocol):
    """A type of event, as far as its weight goes."""

    def weight_of(self, value: float | None) -> float:
        """What one event with this value adds to the interaction, below zero too."""
        ...


def effects_of(
    logged: Iterable[LoggedEvent], types: Mapping[str, Weighed], *, unknown_items: Collection[str] = ()
) -> Sequence[Effect]:
    """What logged events are to do, in their order.

    Args:
        logged: The events.
        types: The types of event that have an effect.
        unknown_items: Items whose events are set aside.
    """
    if isinstance(logged, LoggedColumns):
        plain_effects = _plain_effects(logged, types, unknown_items)
        if plain_effects is not None:
            return plain_effects
    # Most events have no amount; what those of a type weigh is asked once.
    plain: dict[str, int] = {}
    effects = []
    for each in logged:
        event = each.event
        reason = _objection(event, types, unknown_items)
        if reason is not None:
            effects.append(Effect(each, 0, reason))
            continue
        weight = plain.get(event.type) if event.value is None else None
        if weight is None:
            weight = round(types[event.type].weight_of(event.value) * MILLIONTHS)
            if event.value is None:
                plain[event.type] = weight
        effects.append(Effect(each, weight))
    return effects


def _plain_effects(
    logged: LoggedColumns, types: Mapping[str, Weighed], unknown_items: Collection[str]
) -> EffectColumns | None:
    """The same of events that all have their effect; `None` if one of them may not."""
    events = logged.events
    kinds = set(events.types)
    if not kinds <= types.keys() or (unknown_items and not set(events.items).isdisjoint(unknown_items)):
        return None
    texts = chain(events.ids, events.users, events.items, filter(None, events.links), events.properties)
    if "\0" in "".join(texts):
        return None
    plain = {kind: round(types[kind].weight_of(None) * MILLIONTHS) for kind in kinds}
    values = events.values
    if values.count(None) == len(values):
        return EffectColumns(logged, list(map(plain.__getitem__, events.types)))
    if not all(value is None or math.isfinite(value) for value in values):
        return None
    weights = [
        plain[kind] if value is None else round(types[kind].weight_of(value) * MILLIONTHS)
        for kind, value in zip(events.types, values, strict=True)
    ]
    return EffectColumns(logged, weights)


def _objection(event: Event, types: Mapping[str, Weighed], unknown_items: Collection[str]) -> Reason | None:
    if event.type not in types:
        return Reason("event_type_unknown", "Events of this type have no weight here.")
    if event.value is not None and not math.isfinite(event.value):
        return Reason("number_not_finite", "The value is not a finite number.")
    # One database keeps NUL in a text and another refuses it; an event must have the same fate on both.
    if "\0" in _texts(event):
        return Reason("string_nul", "A text holds the character NUL.")
    if event.item_id in unknown_items:
        return Reason("entity_unknown", "The catalogue has no item of this id.")
    return None


def _texts(event: Event) -> str:
    return f"{event.event_id}{event.user_id}{event.item_id}{event.recommendation_id}{event.properties}"
