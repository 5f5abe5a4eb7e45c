"""What a snapshot is made of: a dataset's imports, and the applied events that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.data.event_effects import AppliedEvent
from tacit.data.event_history import EVENTS_DATASET, gathered, nothing, with_events
from tacit.data.event_values import unit_of
from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.data.ingestion import EventStore
    from tacit.data.interactions import Interactions
    from tacit.data.interfaces import HistoryStore
    from tacit.registry.registry import Registry
    from tacit.settings import Settings

_PAGE = 10_000
"""Events held as objects at a time."""


@dataclass(frozen=True)
class Known:
    """Everything that is known, by dataset.

    Attributes:
        history: What was imported.
        store: What was done.
        registry: Says what the champion of a model learnt from.
        model: That model.
        settings: May say which dataset events belong to.
    """

    history: HistoryStore
    store: EventStore
    registry: Registry
    model: str
    settings: Settings

    def events_dataset(self) -> str:
        """The dataset that events belong to.

        That is what the settings name; else what the champion learnt from, since its lists are what users answer to,
        if that was imported; else what training takes anyway; else one of their own.
        """
        chosen = self.settings.events.dataset
        if chosen is not None:
            return chosen
        known = self.history.datasets()
        learnt = self._learnt_from()
        if learnt in known:
            return learnt
        return self.settings.dataset or (known[-1] if known else EVENTS_DATASET)

    def interactions(self, dataset: str) -> tuple[Interactions, int]:
        """All of a dataset, and the turn up to which events are in it; 0 if they belong to another.

        Raises:
            NotFound: `dataset_unknown`.
        """
        turn = self.store.last_turn if dataset == self.events_dataset() else 0
        is_imported = dataset in self.history.datasets()
        imported = nothing(dataset) if turn and not is_imported else self.history.interactions(dataset)
        if not turn:
            return imported, 0
        events = gathered(_pages(self.store, upto=turn))
        return with_events(imported, events, unit=unit_of(self.settings.events.profile)), turn

    def _learnt_from(self) -> str:
        """The champion's dataset; empty without a champion that can be read."""
        champion = self.registry.champion(self.model)
        if champion is None:
            return ""
        try:
            return self.registry.open(self.model, champion.number)[1].dataset
        except TacitError:
            # What to train in its place must not depend on what is wrong with it.
            return ""


def _pages(store: EventStore, *, upto: int) -> Iterator[Sequence[AppliedEvent]]:
    """The events applied up to a turn; those that come while we read are left for the next snapshot."""
    after = 0
    while after < upto:
        page = [each for each in store.applied(after, limit=_PAGE) if each.turn <= upto]
        if not page:
            return
        yield page
        after = page[-1].turn
