"""Numbers as answers tell them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ONE_BY_ONE = 32
"""Up to so many numbers, five calls of NumPy take longer than all of them do."""


def rounded(numbers: NDArray[np.float32], digits: int) -> Any:
    """Each to so many decimals; not by `round`, which would write each down and read it again.  Many all at once."""
    unit = 10.0**digits
    if numbers.size <= _ONE_BY_ONE and numbers.ndim == 1:
        try:
            # What comes to nothing keeps its sign, as NumPy has it.
            return [round(number * unit) / unit or number * 0.0 for number in numbers.tolist()]
        except (ValueError, OverflowError):
            pass  # one of them is no number, or has no end
    return (np.rint(numbers.astype(np.float64) * unit) / unit).tolist()
