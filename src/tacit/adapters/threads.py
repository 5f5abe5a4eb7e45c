"""What the kernel can do for one thread."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

LEAST_URGENT = 15


def step_back() -> None:
    """Have every other thread run before the calling one, where the kernel lets threads have priorities."""
    with suppress(OSError, AttributeError):
        # On Linux this is the thread's own; elsewhere the number may name nobody.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_URGENT)
