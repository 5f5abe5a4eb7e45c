"""How many threads BLAS takes for what is too small to be shared out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keeps BLAS to one thread within: many small systems gain nothing by more, and idle ones spin beside our own.

    The limit is the process's: where two threads of ours overlap, the later to leave may leave it as it found it, at 1.
    """
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> Any:
    """Finding the BLAS libraries takes milliseconds: once."""
    return ThreadpoolController()
