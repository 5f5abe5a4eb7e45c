"""Lists that are everybody's: computed once for all, and dropped with the version or the catalogue's revision."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from tacit.serving.fallback import Question
from tacit.serving.kept_lists import Asking, KeptLists, KeptOutcome
from tacit.serving.list_making import Chain, ListMaking
from tacit.serving.model_pool import LoadedVersion

EVERYBODY = "\0everybody"
"""Whose lists they are; no user's id holds a NUL."""


class SharedLists:
    """Answers from what is kept for everybody where it still holds.

    Args:
        making: Computes lists.
        lists: Keeps them; without it, each is computed.
    """

    def __init__(self, making: ListMaking, lists: KeptLists | None = None) -> None:
        self._making = making
        self._lists = lists

    def answer(
        self, loaded: LoadedVersion, asked: Question, chain: Chain, *, key: Sequence[object] | None
    ) -> KeptOutcome:
        """What a chain comes to, kept or computed.

        Args:
            loaded: The version that answers.
            asked: The question.
            chain: Its steps, by the question.
            key: All that tells this question from others, its kind first; `None` for one that is not worth keeping.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        if self._lists is None or key is None:
            return KeptOutcome(self._making.answer(loaded, asked, chain), loaded.label)
        prepared = "-" if asked.newcomers is None else asked.newcomers.revision
        spelling = blake2b(repr(tuple(key)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        asking = Asking(EVERYBODY, spelling, loaded.label, f"{asked.revision}.{prepared}", asked.allowed)
        return self._lists.answer(asking, lambda: self._making.answer(loaded, asked, chain))
