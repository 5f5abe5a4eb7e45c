"""What any process writes, taken over into memory page by page: each revision once, in order, and none passed over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar


class Revised(Protocol):
    """Something that was written."""

    @property
    def revision(self) -> int:
        """Of what it was written in; later ones are higher."""
        ...


Change = TypeVar("Change", bound=Revised)


class Followed(Generic[Change]):
    """Follows what is written; where it cannot be read, what is known stays in force.

    Args:
        read: What was written after a revision, in the order of revisions, a page of at least so many if there are
            that many: the changes of one revision come together.
        take: Has a page in force.
        told: Told of a page once it is in force, and the revision says so.
        page: Changes read at once.

    Attributes:
        revision: Up to which revision everything is in force.
    """

    def __init__(
        self,
        read: Callable[[int, int], Sequence[Change]],
        *,
        take: Callable[[Sequence[Change]], object],
        told: Callable[[Sequence[Change]], object] = lambda _: None,
        page: int,
    ) -> None:
        self._read, self._take, self._told = read, take, told
        self._page = page
        self._reading = threading.Lock()
        self.revision = 0

    def refresh(self) -> int:
        """Read what was written since, and have it in force for whoever asks from now on; returns the revision.

        Raises:
            Unavailable: It cannot be read now; what was read is in force, and the next call goes on.
        """
        with self._reading:
            is_full = True
            while is_full:
                page = self._read(self.revision, self._page)
                # A page may be longer than asked for, and is full then, too.
                is_full = len(page) >= self._page
                if page:
                    self._take(page)
                    self.revision = page[-1].revision
                    self._told(page)
        return self.revision
