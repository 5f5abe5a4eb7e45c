"""Conservation as the suites check it after every fault: each event has one fate, and what is counted is there."""

from __future__ import annotations

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_rules import EventRules
from tacit.data.events import EventLog
from tacit.data.ingestion import Admission, EventStore, Ingestion

TYPES = EventRules.shipped("music").types
_ALL = 1_000_000


def unbalanced(store: EventStore) -> list[str]:
    """What of a store's counts does not add up, or is not what the store holds; nothing, if all is well."""
    counts = store.counts()
    wrong = [f"{source} misses {each.missing}" for source, each in counts.items() if each.missing]
    kept = {
        "stored": (sum(each.stored for each in counts.values()), len(store.applied(0, limit=_ALL))),
        "quarantined": (sum(each.quarantined for each in counts.values()), len(store.quarantined(limit=_ALL))),
    }
    return wrong + [f"{name}: {told} counted, {there} there" for name, (told, there) in kept.items() if told != there]


def unaccounted(log: EventLog, store: EventStore | None = None) -> list[str]:
    """What of a log has no fate, or two, once it was applied, twice over; nothing, if all is well."""
    store = store or MemoryEventStore()
    for _ in range(2):
        ingestion = Ingestion(log, store, TYPES, admission=Admission("accept"))
        while ingestion.step().read:
            pass
        store.rewind()
    there = len(log.read(0, limit=_ALL))
    received = sum(each.received for each in store.counts().values())
    return unbalanced(store) + ([f"{received} received of {there} in the log"] if received != there else [])
