"""The pages of somebody who is known: their list, what they chose and hid, and the forms by which they say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from tacit.data.catalog_edits import Edit
from tacit.data.catalog_entries import Preferences
from tacit.entrypoints.api.edits import done
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.storefront.acts import deed_of
from tacit.entrypoints.storefront.behind import Behind
from tacit.entrypoints.storefront.forms import Filled, few_fields, filled
from tacit.entrypoints.storefront.frame import ABOUT, DID, THANKS, Frame
from tacit.entrypoints.storefront.persons import Person, acting_user, person_of
from tacit.entrypoints.storefront.picking import LIST_LENGTH, Picking
from tacit.entrypoints.storefront.selection import Selection, plain_text, selection_of, with_fields
from tacit.entrypoints.storefront.ways_in import own_path
from tacit.errors import BadInput, NotFound
from tacit.monitoring.storefront_metrics import NEW_USER_SATISFACTION, OPINIONS, VISITORS
from tacit.serving.answers import Answer, ItemView
from tacit.serving.user_desk import UserView

MET_SHOWN = 6
MET_LISTED = 48
ASKED_FROM = 3
"""Items met from which on a new user is asked whether their list suits them."""
ASKED_UPTO = 30
"""Items met up to which a user counts as new."""

OPINION = "storefront_opinion"
"""The label under which a user's answer is kept."""

_Many = Annotated[list[str] | None, Query()]
_Fields = Annotated[Mapping[str, str], Depends(few_fields)]
_Filled = Annotated[Filled, Depends(filled)]
_Route = tuple[str, str, Callable[..., Response], Sequence[Any]]


class OwnPages:
    """Shows what is somebody's own, and takes what they say.

    Args:
        frame: Renders.
        behind: What is asked, and told.
        picking: Where picks are begun and changed.
    """

    def __init__(self, frame: Frame, behind: Behind, picking: Picking) -> None:
        self._frame, self._behind, self._picking = frame, behind, picking
        self._service = frame.service

    def routes(self) -> list[_Route]:
        """Path, method, page and what it takes."""
        reads, own, acts = [requires("lists:read")], [requires("users:read")], [requires("events:write")]
        return [
            ("/start", "GET", self.start, reads),
            ("/start", "POST", self.choose, acts),
            ("/acts", "POST", self.act, acts),
            ("/opinion", "POST", self.say_opinion, acts),
            ("/you", "GET", self.you, own),
            ("/you/forget", "POST", self.forget, acts),
        ]

    def own(self, request: Request, category: str | None) -> Response | None:
        """Somebody's own list with its reasons; `None` where nothing is known of whoever asks."""
        person = person_of(request)
        known = self._known(person)
        answer = None if known is None else self._answer(known.user_id, category)
        if known is None or answer is None:
            return None
        history = self._history(known.user_id, MET_LISTED)
        return self._frame.page(
            "own.html",
            request,
            listing=self._frame.listing(answer, wanted="personal", category=category),
            history=history[:MET_SHOWN],
            picks=self._chosen(known.preferences),
            moods=self._moods(known.preferences),
            change=_picks_of(known.preferences).start,
            choice=self._picking.choice(category),
            narrowed=lambda name: Selection(category=name).home,
            is_asked=person.may_act and _is_asked(known, len(history)),
        )

    def start(
        self, request: Request, *, like: _Many = None, mood: _Many = None, category: str | None = None
    ) -> Response:
        """Where picks are begun and changed, whoever looks."""
        return self._picking.shown(request, selection_of(like or (), category, mood or (), is_start=True))

    def choose(self, request: Request, form: _Filled) -> Response:
        """Keeps picks as somebody's own, in the place of those before."""
        person = person_of(request)
        user_id = acting_user(person)
        picks = selection_of(form.all("like"), None, form.all("mood"))
        if picks.is_empty:
            raise BadInput("picks_empty", "Nothing is picked yet.", field="like", fix="Pick a mood, or something.")
        self._behind.users.choose(user_id, Preferences(picks.likes, (), picks.moods))
        return self._remembered(RedirectResponse("/", 303), person)

    def act(self, request: Request, form: _Fields) -> Response:
        """Does one thing with an item, and leads back to where it was done."""
        person, deed = person_of(request), deed_of(form)
        user_id = acting_user(person)
        if deed.act != "unhide":  # what was removed since can still be taken back
            self._service.item(deed.item_id)
        self._behind.acting.do(user_id, deed)
        back = own_path(form.get("next", ""), otherwise="/")
        back = with_fields(back, [(DID, deed.act), (ABOUT, deed.item_id)])
        return self._remembered(RedirectResponse(back, 303), person)

    def say_opinion(self, request: Request, form: _Fields) -> Response:
        """Takes what a new user says of their list, once."""
        user_id, answer = acting_user(person_of(request)), form.get("answer", "")
        if answer not in OPINIONS:
            raise BadInput("answer_unknown", "This is no answer to the question.", field="answer")
        known = self._behind.users.user(user_id)
        labels = json.loads(known.labels)
        if OPINION not in labels:
            said = json.dumps({**labels, OPINION: answer}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            done(self._behind.users.patch([Edit(user_id, {"labels": said})]))
            self._behind.metrics.increment(NEW_USER_SATISFACTION, answer=answer)
        return RedirectResponse(with_fields("/", [(THANKS, "1")]), 303)

    def you(self, request: Request) -> Response:
        """What is kept of somebody: what they did, picked and hid."""
        person = person_of(request)
        known = self._known(person)
        user_id = "" if person.user_id is None else person.user_id
        preferences = Preferences() if known is None else known.preferences
        hidden = (self._item(each.item_id) for each in self._behind.hiding.hidden(user_id)) if user_id else ()
        return self._frame.page(
            "you.html",
            request,
            history=[] if known is None else self._history(user_id, MET_LISTED),
            picks=self._chosen(preferences),
            moods=self._moods(preferences),
            change=_picks_of(preferences).start,
            hidden=[each for each in hidden if each is not None],
        )

    def forget(self, request: Request, form: _Fields) -> Response:
        """Forgets what a visitor chose, and has their browser be nobody's."""
        del form  # it has been checked where it came from
        person = person_of(request)
        user_id, visiting = acting_user(person), self._behind.visiting
        if not person.is_signed_in and visiting is not None:
            self._behind.users.remove([Edit(user_id, {})])
        response = RedirectResponse("/", 303)
        if visiting is not None:
            visiting.forget(response)
        return response

    def _remembered(self, response: Response, person: Person) -> Response:
        """Has a browser keep who it is from now on."""
        visiting, visitor = self._behind.visiting, person.visitor
        if visiting is not None and visitor is not None and visitor.cookie is not None:
            visiting.remember(response, visitor)
            self._behind.metrics.increment(VISITORS)
        return response

    def _known(self, person: Person) -> UserView | None:
        try:
            return None if person.user_id is None else self._behind.users.user(person.user_id)
        except NotFound:
            return None

    def _answer(self, user_id: str, category: str | None) -> Answer | None:
        category = plain_text(category, field="category") if category else None
        try:
            return self._service.for_user(user_id, limit=LIST_LENGTH, category=category)
        except NotFound as error:
            if error.code != "user_unknown":
                raise
            return None

    def _history(self, user_id: str, most: int) -> list[ItemView]:
        try:
            return list(self._service.history(user_id, most))
        except NotFound:
            return []

    def _chosen(self, preferences: Preferences) -> list[ItemView]:
        found = (self._item(item_id) for item_id in preferences.item_ids)
        return [each for each in found if each is not None and each.available]

    def _moods(self, preferences: Preferences) -> list[tuple[str, str]]:
        """Name and title of the moods somebody picked that there still are."""
        views = self._behind.browsing.moods() if preferences.moods else ()
        return [(each.mood.name, each.mood.title) for each in views if each.mood.name in preferences.moods]

    def _item(self, item_id: str) -> ItemView | None:
        try:
            return self._service.item(item_id)
        except NotFound:
            return None


def _picks_of(preferences: Preferences) -> Selection:
    return Selection(preferences.item_ids[:50], None, preferences.moods[:12], is_start=True)


def _is_asked(known: UserView, met: int) -> bool:
    """Whether somebody is new, has tried a little, and was not asked before."""
    is_new = known.interactions == 0 and ASKED_FROM <= met <= ASKED_UPTO
    return is_new and OPINION not in json.loads(known.labels)
