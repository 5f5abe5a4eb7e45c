"""A list from one version: who asks, what must not be in it, and the chain that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from tacit.errors import Unavailable
from tacit.models.recommender.categories import check_category
from tacit.monitoring import tracing
from tacit.serving.answers import Source
from tacit.serving.fallback import Outcome, Question, Step, first_answer, user_chain
from tacit.serving.hides import Hides, NoHides
from tacit.serving.item_fields import FieldShelf
from tacit.serving.kept_lists import Asking, KeptLists, KeptOutcome, spelled
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import NO_LEANING, USUAL_RUNGS, Coldstart, leaning_of
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.newcomers import Newcomers
from tacit.serving.precomputed import PrecomputedShelf, precomputed_step
from tacit.serving.profiles import STRANGER, Profile, Standing, has_chosen
from tacit.serving.refusals import user_unknown
from tacit.serving.rehearsals import rehearsed_step
from tacit.serving.retrieval import History, Positions, Wanted, barred, taste_of
from tacit.serving.rules import NO_RULES, Rules
from tacit.serving.shapes import shape_of
from tacit.serving.shaping import shaped_answer

NOBODY: frozenset[str] = frozenset()

Chain = Callable[[Question], Sequence[Step]]
"""Makes the steps that answer a question."""

Failed = Callable[[Source, str, Exception], None]
"""Told of each step of a chain that raised, and of which version's."""


@dataclass(frozen=True)
class ServingLimits:
    """What may be asked, and what an answer rests on.

    Attributes:
        max_limit: The longest list.
        max_items: The most likes in one question.
        max_reasons: The most reasons per recommendation.
        coldstart: How much of a user must be known before their list rests on their taste.
        unknown_user: What somebody we do not know gets: `refuse` says so, `popular` gives what is popular.
        diversity: How diverse a user's list is that is not asked for otherwise.
        explore: How probable it is that chance decides of a place of a user's list that is not asked for otherwise.
    """

    max_limit: int = 1_000
    max_items: int = 1_000
    max_reasons: int = 3
    coldstart: Coldstart = USUAL_RUNGS
    unknown_user: Literal["refuse", "popular"] = "refuse"
    diversity: float = 0.0
    explore: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for.

    Attributes:
        user_id: Who.
        limit: The most items.
        rules: What holds for the list.
    """

    user_id: str
    limit: int = 10
    rules: Rules = NO_RULES


@dataclass(frozen=True, slots=True)
class Maker:
    """What a list is made by.

    Attributes:
        loaded: The version, from which all of it comes.
        rungs: The cold-start ladder that holds.
        is_champion: Whether it answers for the champion; another one's lists are kept apart, so that neither is a
            stale list of the other.
    """

    loaded: LoadedVersion
    rungs: Coldstart
    is_champion: bool = True


class Making(Protocol):
    """Makes what a user is given, from the version that it is asked to use; `ListMaking` makes lists."""

    def profile(
        self, loaded: LoadedVersion, user_id: str, *, is_refused: bool | None = None, rungs: Coldstart | None = None
    ) -> Profile:
        """Who asks."""
        ...

    def for_user(self, by: Maker, profile: Profile, wish: Wish) -> KeptOutcome:
        """What they are given."""
        ...

    def in_secret(self, by: Maker, wish: Wish, failed: Failed) -> Outcome:
        """What they would be given; nothing is kept, counted or remembered of it."""
        ...

    def rehearsed(self, by: Maker, wish: Wish, tier: Source) -> Outcome | None:
        """What a lower tier would give them; `None` for nothing."""
        ...


class ListMaking:
    """Makes lists, each from the one version that it is asked to use.

    Args:
        live: Knows what is hidden, renamed or new since a version was trained.
        limits: What a list rests on.
        failed: Told of each step that raised.
        users: Knows what users did since a version was trained; without it, nothing.
        lists: Keeps users' lists for a while; without it, each is computed.
        shelf: Keeps the items that a version learnt no factors for; without it, they are in no personal list.
        hides: Knows what users hid; without it, nothing.
        precomputed: Has everybody's list at hand for when theirs cannot be worked out; without it, nobody's.
    """

    def __init__(
        self,
        live: LiveCatalogue,
        limits: ServingLimits,
        *,
        failed: Failed,
        users: KnownUsers | None = None,
        lists: KeptLists | None = None,
        shelf: NewcomerShelf | None = None,
        hides: Hides | None = None,
        precomputed: PrecomputedShelf | None = None,
    ) -> None:
        self._live = live
        self._limits = limits
        self._failed = failed
        self._users = users
        self._lists = lists
        self._shelf = shelf
        self._precomputed = precomputed
        self._hides = hides or NoHides()
        self._fields = FieldShelf(live)

    def check(self, loaded: LoadedVersion, rules: Rules) -> None:
        """Refuse rules that speak of what there is not.

        Raises:
            BadInput: `range_field_unknown`.
            NotFound: `category_unknown`.
        """
        if rules.are_plain:
            return
        for category in rules.categories:
            check_category(loaded.model, category, otherwise="GET /api/v1/items shows some.")
        self._fields.check(rules)

    def profile(
        self, loaded: LoadedVersion, user_id: str, *, is_refused: bool | None = None, rungs: Coldstart | None = None
    ) -> Profile:
        """Who asks; somebody of whom nothing is known is refused, unless the settings or a failure are in the way.

        Raises:
            NotFound: `user_unknown`.
        """
        if self._users is not None:
            with tracing.step("profile"):
                profile = self._users.profile(loaded, user_id, coldstart=rungs)
        else:
            row = loaded.model.user_rows.get(user_id)
            taste = STRANGER if row is None else taste_of(loaded.model, row)
            profile = Profile(Standing(taste), is_known=row is not None)
        refuses = self._limits.unknown_user == "refuse" if is_refused is None else is_refused
        # While what they did cannot be read, nobody knows that they are unknown.
        if refuses and not profile.is_known and profile.is_current:
            raise user_unknown()
        return profile

    def question(
        self,
        loaded: LoadedVersion,
        seen: History,
        excluded: AbstractSet[str],
        *,
        limit: int,
        category: str | None = None,
        rules: Rules = NO_RULES,
        ascending: bool = False,
    ) -> Question:
        """A question with everything barred that must not be in its answer.

        That is what was met, excluded, or not to be shown now, and what the filters of the rules do not let through.
        What was met is `ascending` where it stands in that order, each once.
        """
        with tracing.step("rules"):
            off = excluded | rules.exclude if rules.exclude else excluded
            rules = rules.also(NOBODY, category)
            return self._question(loaded, seen, off, limit=limit, rules=rules, ascending=ascending)

    def _question(
        self,
        loaded: LoadedVersion,
        seen: History,
        excluded: AbstractSet[str],
        *,
        limit: int,
        rules: Rules,
        ascending: bool,
    ) -> Question:
        # Before what is hidden: a write in between must not have this list pass for one that knows it.
        revision = self._live.revision
        newcomers = self.newcomers(loaded)
        off = barred(loaded.model, seen, excluded, newcomers=newcomers, ascending=ascending)
        off = _both(off, self._live.hidden(loaded))
        if self._shelf is not None and newcomers is not None:
            off = _both(off, self._shelf.gone(loaded, newcomers))
        if rules.take_the_best:
            reasons = self._limits.max_reasons
            return Question(loaded.model, Wanted(limit, off), newcomers, reasons, revision, ready=loaded.ready)
        fields = self._fields.fields(loaded, newcomers) if self._asks_of_items(rules, revision) else None
        if fields is not None and rules.filters:
            off = np.union1d(off, np.flatnonzero(~fields.allowed(rules)))
        factors = None if fields is None else fields.factors(rules)
        wanted = Wanted(limit, off, rules.category, factors)
        shape = shape_of(rules, limit)
        return Question(
            loaded.model,
            wanted,
            newcomers,
            self._limits.max_reasons,
            revision,
            None if shape.is_plain else shape,
            fields,
            loaded.ready,
        )

    def _asks_of_items(self, rules: Rules, revision: int) -> bool:
        """Whether the rules need to know of single items; one category of a catalogue of which nothing was said not."""
        is_trained = len(rules.categories) < 2 and not revision
        return rules.has_fields or bool(rules.categories and not is_trained)

    def hidden_by(self, user_id: str) -> frozenset[str]:
        """Ids of the items that a user hid."""
        return self._hides.of(user_id)

    def newcomers(self, loaded: LoadedVersion) -> Newcomers | None:
        """The items that a version learnt no factors for, as they were prepared last."""
        return None if self._shelf is None else self._shelf.current(loaded)

    def rests_on(self, loaded: LoadedVersion, user_id: str | None = None) -> tuple[object, ...] | None:
        """What lists of a version rest on beside it: while these are the same objects, so are the lists.

        Args:
            loaded: The version.
            user_id: Whose lists; `None` for those that are nobody's.

        Returns:
            `None` where something must be read to tell.
        """
        live = (self._live.hidden(loaded), self._live.newcomers(loaded), self.newcomers(loaded))
        if user_id is None or self._users is None:
            return live
        known = self._users.known(loaded, user_id)
        return None if known is None else (*live, *known, self._hides.of(user_id))

    def is_known(self, loaded: LoadedVersion, user_id: str) -> bool:
        """Whether a user's profile can be told without reading anything."""
        return self._users is None or self._users.known(loaded, user_id) is not None

    def for_user(self, by: Maker, profile: Profile, wish: Wish) -> KeptOutcome:
        """A user's list, kept or computed; degraded where a step failed, whatever is known of the user.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        asked = self._asked(by, profile, wish)
        if self._lists is None:
            return KeptOutcome(
                self._computed(by, asked, profile, user_id=wish.user_id, failed=self._failed), by.loaded.label
            )
        spelling = spelled(wish.limit, wish.rules)
        asking = Asking(
            wish.user_id,
            spelling if by.is_champion else f"{spelling} {by.loaded.label}",
            by.loaded.label,
            f"{self._stamp(by, asked, profile)}.{self._hides.stamp(wish.user_id)}",
            asked.allowed,
            keeps=profile.is_current,
        )
        return self._lists.answer(
            asking, lambda: self._computed(by, asked, profile, user_id=wish.user_id, failed=self._failed)
        )

    def note_failure(self, source: Source, label: str, error: Exception) -> None:
        """Tell of a step of a version that raised, and that another way answers for."""
        self._failed(source, label, error)

    def in_secret(self, by: Maker, wish: Wish, failed: Failed) -> Outcome:
        """The list that a user would be given, computed now; nothing is kept, counted or remembered of it.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        profile = self.profile(by.loaded, wish.user_id, is_refused=False, rungs=by.rungs)
        asked = self._asked(by, profile, wish)
        return self._computed(by, asked, profile, user_id=wish.user_id, failed=failed)

    def answer(self, loaded: LoadedVersion, asked: Question, chain: Chain) -> Outcome:
        """What a chain of a version's steps comes to, in the shape that was asked for.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        return shaped_answer(asked, lambda question: self.first(loaded, chain(question)))

    def rehearsed(self, by: Maker, wish: Wish, tier: Source) -> Outcome | None:
        """A user's list from a lower tier, chosen on purpose; `None` where it would be none of a whole length.

        Raises:
            NotFound: `user_unknown`.
        """
        profile = self.profile(by.loaded, wish.user_id, rungs=by.rungs)
        step = rehearsed_step(self._steps(by, self._asked(by, profile, wish), profile), tier)
        if step is None or not profile.is_current:
            return None
        try:
            outcome = self.first(by.loaded, (step,))
        except Unavailable:
            return None  # told of already, which is what rehearsing is for
        return outcome if len(outcome.items) == wish.limit else None

    def first(self, loaded: LoadedVersion, steps: Sequence[Step]) -> Outcome:
        """What a chain of a version's steps comes to.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        return first_answer(steps, lambda source, error: self._failed(source, loaded.label, error))

    def _asked(self, by: Maker, profile: Profile, wish: Wish) -> Question:
        met = {*profile.standing.elsewhere, *profile.preferences.item_ids}
        excluded = met | self._hides.of(wish.user_id)
        # In its order, unless what they met and did not like comes behind.
        is_ordered = not len(profile.taste.shunned)
        seen = profile.taste.seen
        return self.question(by.loaded, seen, excluded, limit=wish.limit, rules=wish.rules, ascending=is_ordered)

    def _computed(self, by: Maker, asked: Question, profile: Profile, *, user_id: str, failed: Failed) -> Outcome:
        label = by.loaded.label

        def answered(asked: Question) -> Outcome:
            steps = self._steps(by, asked, profile)
            if steps[0].source == "personal":
                steps = (steps[0], *self._ready(by.loaded, asked, profile, user_id=user_id), *steps[1:])
            return first_answer(steps, lambda source, error: failed(source, label, error))

        return shaped_answer(asked, answered)

    def _steps(self, by: Maker, asked: Question, profile: Profile) -> tuple[Step, ...]:
        loaded = by.loaded
        # Only somebody who chose something needs the catalogue's words, which take a while to gather.
        chose = has_chosen(profile.preferences)
        leaning = leaning_of(loaded.model, loaded.labels, profile.preferences) if chose else NO_LEANING
        return user_chain(asked, profile.taste, coldstart=by.rungs, leaning=leaning, like_value=loaded.typical_value)

    def _ready(self, loaded: LoadedVersion, asked: Question, profile: Profile, *, user_id: str) -> tuple[Step, ...]:
        """The step that needs no computing, for who has one."""
        lists = None if self._precomputed is None else self._precomputed.lists(loaded)
        step = None if lists is None else precomputed_step(lists, asked, profile, user_id=user_id)
        return () if step is None else (step,)

    def _stamp(self, by: Maker, asked: Question, profile: Profile) -> str:
        """What a list rests on beside its version; the rules are in it, as a cache may outlive this process."""
        prepared = "-" if asked.newcomers is None else asked.newcomers.revision
        rules = f"{by.rungs.blended_from}-{by.rungs.personal_from}-{self._limits.max_reasons}"
        return f"{asked.revision}.{prepared}.{rules}.{profile.stamp}"


def as_far_as_known(kept: KeptOutcome, profile: Profile) -> KeptOutcome:
    """A list, degraded also where it does not know all that was accepted of its user."""
    return kept if profile.is_current else replace(kept, outcome=replace(kept.outcome, degraded=True))


def _both(some: Positions, others: Positions) -> Positions:
    """Positions of two lists, ascending; mostly the second is empty, and looking for the same in both is not free."""
    return np.union1d(some, others) if len(others) else some
