"""What an engine must be able to do for reasons beyond taking scores apart: look up, and say what mattered most."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.matrix import Matrix

Floats = NDArray[np.float32]
Positions = NDArray[np.int32]


class Explainer(Protocol):
    """A history of which all is at hand that explaining a score by it takes; it never changes."""

    @property
    def memory_bytes(self) -> int:
        """What it holds."""
        ...

    def strongest(self, targets: NDArray[np.intp], most: int, *, least: float) -> tuple[Positions, Floats] | None:
        """What `Explaining.strongest` says of the history's shares in the scores of targets, to the bit.

        Args:
            targets: `(t,)` positions of items.
            most: How many of each, at least 1.
            least: The part that an item of the history must reach.

        Returns:
            Positions of the history's items in place of columns, and their parts; `None` if a target has no factors.
        """
        ...


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
