"""The values from which on a panel turns yellow or red: those that alerts go by, so that colour and alert agree.

Where documents disagree, the requirements say which holds: C-01 for the rate of errors, C-04 for times.
"""

from __future__ import annotations

from tools.dashboards.panel import Color

Limits = tuple[tuple[float, Color], ...]

ERROR_RATE: Limits = ((0.01, "yellow"), (0.05, "red"))
"""Shares of requests that failed by our fault."""
LATENCY_MEAN: Limits = ((0.5, "yellow"), (1.0, "red"))
"""Seconds of a mean answer, as the panel of document 003 has them."""
LATENCY_P95: Limits = ((0.8, "yellow"), (1.0, "red"))
"""Seconds within which 95 % are answered."""
DEGRADED_SHARE: Limits = ((0.05, "yellow"), (0.5, "red"))
"""Shares of lists that were not the ones we wanted to give."""
EVENT_LAG: Limits = ((1_000, "yellow"),)
"""Events that wait to be applied."""
SET_ASIDE: Limits = ((0.05, "yellow"),)
"""Shares of events that went to quarantine, or were refused."""
LOOP_LAG: Limits = ((0.25, "yellow"),)
"""Seconds that the event loop is late."""
ANYTHING: Limits = ((1, "red"),)
"""What should never happen once."""
UNBALANCED: Limits = ((-1e-9, "green"), (1e-9, "red"))
"""A balance that is 0 while nothing was lost, drawn red above and below."""
UPTIME_OBJECTIVE = 0.99
MEMORY: Limits = ((0.80, "yellow"), (0.85, "orange"), (0.90, "red"))
"""Shares in use at which the ladder of memory takes its steps."""
DISK_FREE: Limits = ((-1.0, "red"), (0.05, "yellow"), (0.15, "green"))
"""Shares that are free, below which somebody is told."""
MEMORY_STEP: Limits = ((1, "yellow"), (2, "orange"), (3, "red"))
MODEL_AGE_DAYS: Limits = ((90, "yellow"), (365, "red"))
DRIFT: Limits = ((0.3, "yellow"), (0.6, "red"))
"""Scores from which on somebody is told, and a training is asked for."""
