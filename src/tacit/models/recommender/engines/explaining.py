"""What an engine must be able to do for reasons beyond taking scores apart: look up, and say what mattered most."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.matrix import Matrix

Floats = NDArray[np.float32]
Positions = NDArray[np.int32]


class Explaining(Protocol):
    """The kernels behind reasons."""

    def entries(self, matrix: Matrix, rows: Positions, columns: Positions) -> Floats:
        """`matrix[rows][:, columns]` transposed and dense: `(columns, rows)` float32; either may name one repeatedly.

        O(rows · columns · log(entries of a row)) or better.
        """
        ...

    def strongest(self, contributions: Floats, most: int, *, least: float) -> tuple[Positions, Floats]:
        """Of each row, the columns whose parts of all that is positive in it are the largest, the largest first.

        O(rows · columns · most) or better.

        Args:
            contributions: `(rows, columns)` float32.
            most: How many of each.
            least: The part that a column must reach.

        Returns:
            The columns, `(rows, most)` int32, of equals the first, -1 where there are fewer; and their parts, from 0
            to 1, float32.
        """
        ...
