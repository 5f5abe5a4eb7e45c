"""The page of picks: moods and items, and what follows from them at once; where somebody unknown begins."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request, Response

from tacit.entrypoints.storefront.frame import Frame, Listing
from tacit.entrypoints.storefront.persons import person_of
from tacit.entrypoints.storefront.selection import Selection
from tacit.entrypoints.storefront.tiles import Choice, Tile, choice_of, interleaved, tiles_of_views
from tacit.errors import NotFound
from tacit.serving.answers import ItemView
from tacit.serving.browsing import MoodView

LIST_LENGTH = 12


class Picking:
    """Shows picks; all of them stand in the address, so that nothing is kept of who only looks."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._service = frame, frame.service

    def shown(self, request: Request, selection: Selection, *, notice: str | None = None) -> Response:
        """The picks and what follows from them; without picks, what there is to pick from.

        Args:
            request: Who asks.
            selection: The picks.
            notice: What has to be said before anything else.
        """
        moods = self._moods()
        picked = [view for view in moods if view.mood.name in selection.moods]
        listing = self._listing(selection) if selection.likes or not picked else None
        return self._frame.page(
            "home.html",
            request,
            selection=selection,
            moods=moods,
            picked_moods=picked,
            picks=self._known(selection.likes),
            unknown_count=0 if listing is None else len(listing.answer.unknown_items),
            listing=listing,
            notice=notice,
            tiles=listing.tiles if listing is not None else self._of_moods(picked),
            choice=self.choice(selection.category),
            narrowed=lambda name: selection.within(name).home,
            may_keep=person_of(request).may_act and not selection.is_empty,
        )

    def choice(self, category: str | None) -> Choice:
        """The categories to narrow a list to."""
        return choice_of(self._service.categories(), category)

    def _listing(self, selection: Selection) -> Listing:
        if selection.likes:
            answer = self._service.for_likes(selection.likes, limit=LIST_LENGTH, category=selection.category)
            return self._frame.listing(answer, wanted="personal", category=selection.category)
        wanted = "category" if selection.category else "popular"
        answer = self._service.popular(limit=LIST_LENGTH, category=selection.category)
        return self._frame.listing(answer, wanted=wanted, category=selection.category)

    def _moods(self) -> Sequence[MoodView]:
        """Those that anything suits here."""
        behind = self._frame.behind
        return () if behind is None else [each for each in behind.browsing.moods() if each.profile.why_empty is None]

    def _of_moods(self, picked: Sequence[MoodView]) -> tuple[Tile, ...]:
        """What stands for the moods picked, from each in turn."""
        shown = interleaved([view.seeds for view in picked], most=LIST_LENGTH)
        return tiles_of_views(shown, facts=self._frame.facts)

    def _known(self, item_ids: tuple[str, ...]) -> list[ItemView]:
        return [item for item in map(self._item, item_ids) if item is not None and item.available]

    def _item(self, item_id: str) -> ItemView | None:
        try:
            return self._service.item(item_id)
        except NotFound:
            return None
