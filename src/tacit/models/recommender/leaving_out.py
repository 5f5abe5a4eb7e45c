"""Some positions without others, as far down as it takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEW = 16
"""Up to so many excluded positions are looked for one by one."""


def first_left(
    positions: NDArray[np.int32], excluded: NDArray[np.intp], count: int, *, beyond: int
) -> NDArray[np.int32]:
    """The first of some positions, each there once and below a number, that are not excluded."""
    if len(excluded) <= _FEW:
        off = set(excluded.tolist())
        first = positions[: count + len(off)].tolist()
        return np.array([each for each in first if each not in off][:count], np.int32)
    is_off = np.zeros(beyond + 1, bool)
    is_off[np.minimum(excluded, beyond)] = True
    return positions[~is_off[positions]][:count]
