"""The platform from Python: ask for lists, describe items and users, and send events that survive an outage.

```python
from tacit.client import Event, TacitClient

with TacitClient("http://127.0.0.1:8000") as client:
    client.send(Event("ann", "artist-7", "play"))
    for item in client.recommend("ann", limit=5).items:
        ...
```

`TacitClient` may be used by any number of threads, `AsyncTacitClient` by any number of tasks of one event loop; they
promise the same.  Whatever fails is a `tacit.errors.TacitError`, with the code that the platform gave it.
"""

from tacit.client.asynchronous import AsyncTacitClient
from tacit.client.options import KEEP, DeliveryRules, RetryRules
from tacit.client.synchronous import TacitClient
from tacit.client.values import (
    Event,
    Item,
    Preferences,
    Reason,
    Recommendation,
    Recommendations,
    Report,
    Undelivered,
    User,
)

__all__ = [
    "KEEP",
    "AsyncTacitClient",
    "DeliveryRules",
    "Event",
    "Item",
    "Preferences",
    "Reason",
    "Recommendation",
    "Recommendations",
    "Report",
    "RetryRules",
    "TacitClient",
    "Undelivered",
    "User",
]
