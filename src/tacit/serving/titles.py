"""Finding items by the beginning of their title, or of a word in it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
_LAST_CHARACTER = "\U0010ffff"
# Letters that Unicode does not take apart, as people without the key type them.
_TYPED_AS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})

Ranks = NDArray[np.intp]


def folded(text: str) -> str:
    """A text without case, accents and superfluous spaces."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return " ".join(plain.translate(_TYPED_AS).split())


@dataclass(frozen=True)
class _Sorted:
    """Texts in order, and the rank of the item each belongs to: `(n,)`."""

    texts: Sequence[str]
    ranks: Ranks

    @classmethod
    def of(cls, entries: Iterable[tuple[str, int]]) -> _Sorted:
        ordered = sorted(entries)
        return cls([text for text, _ in ordered], np.array([rank for _, rank in ordered], np.intp))

    def starting(self, prefix: str) -> Ranks:
        low = bisect_left(self.texts, prefix)
        return self.ranks[low : bisect_right(self.texts, prefix + _LAST_CHARACTER, low)]


class TitleIndex:
    """The titles of a catalogue, sorted once, so that a search costs two bisections and its matches.

    Args:
        titles: By item position.
        listeners: `(items,)` int64, what matches are ordered by.
    """

    def __init__(self, titles: Sequence[str], listeners: NDArray[np.int64]) -> None:
        self._by_rank = np.argsort(-listeners, kind="stable")
        texts = [folded(titles[item]) for item in self._by_rank.tolist()]
        self._whole = _Sorted.of((text, rank) for rank, text in enumerate(texts))
        self._words = _Sorted.of(
            (text[match.start() :], rank)
            for rank, text in enumerate(texts)
            for match in _WORD.finditer(text)
            if match.start()
        )

    def search(self, prefix: str, limit: int) -> list[int]:
        """Items whose title starts with the prefix, then those in which a later word does; most popular first."""
        wanted = folded(prefix)
        whole = self._whole.starting(wanted)
        found = _lowest(whole, limit)
        if len(found) < limit and wanted:
            inner = np.setdiff1d(self._words.starting(wanted), whole)
            found = np.concatenate((found, inner[: limit - len(found)]))
        return [int(item) for item in self._by_rank[found]]


def _lowest(ranks: Ranks, limit: int) -> Ranks:
    """The `limit` lowest, in order."""
    return np.sort(ranks if len(ranks) <= limit else np.partition(ranks, limit)[:limit])
