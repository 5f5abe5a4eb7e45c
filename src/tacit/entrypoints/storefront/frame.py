"""What all pages share: who looks, where they are, what was just done, and the page in the place of a failed one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

from tacit.bootstrap.repeating import now_ms
from tacit.entrypoints.api.callers import is_cookie_at_fault, principal_of
from tacit.entrypoints.storefront.acts import said_of
from tacit.entrypoints.storefront.assets import Assets
from tacit.entrypoints.storefront.behind import Behind
from tacit.entrypoints.storefront.facts import facts_of
from tacit.entrypoints.storefront.failures import UNEXPECTED, Failure, failure_of, sign_in_first, since
from tacit.entrypoints.storefront.persons import NOBODY, Person, person_of
from tacit.entrypoints.storefront.rendering import new_renderer
from tacit.entrypoints.storefront.selection import Selection
from tacit.entrypoints.storefront.tiles import Tile, no_facts, notice_of, tiles_of
from tacit.entrypoints.storefront.ways_in import say_unknown, way_in
from tacit.entrypoints.storefront.wording import Wording, is_synthetic, wording_of
from tacit.errors import TacitError, Unauthenticated
from tacit.serving.answers import Answer
from tacit.serving.recommend import RecommendationService

RETRY_SECONDS = 5
DID, ABOUT, THANKS = "did", "about", "thanks"
"""What an address says of what was just done: the act, and with which item; or that a question was answered."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a page says of what was just done.

    Attributes:
        text: That.
        undo: Id of the item of which it can be undone; `None` where it cannot.
    """

    text: str
    undo: str | None = None


@dataclass(frozen=True)
class Listing:
    """A list as a page shows it.

    Attributes:
        answer: As it was given.
        tiles: Its items.
        notice: What has to be said of it; `None` where it is the list that was wanted.
    """

    answer: Answer
    tiles: Sequence[Tile]
    notice: str | None


class Frame:
    """Renders pages of one installation.

    Args:
        service: Answers.
        assets: The pages' files.
        dataset: Names the dataset in use; decides what things are called.
        example_users: Ids of known users to offer to whoever knows none.
        has_sign_in: Whether people sign in here.
        behind: What stands behind the pages on which somebody does something; `None` where there are none.
    """

    def __init__(
        self,
        service: RecommendationService,
        assets: Assets,
        *,
        dataset: Callable[[], str],
        example_users: tuple[str, ...] = (),
        has_sign_in: bool = False,
        behind: Behind | None = None,
    ) -> None:
        self.service, self.assets, self.behind = service, assets, behind
        self._renderer = new_renderer(assets)
        self._dataset = dataset
        self._example_users = example_users
        self._has_sign_in = has_sign_in
        self._profile = "" if behind is None else behind.profile

    @property
    def wording(self) -> Wording:
        """What things are called here."""
        return wording_of(self._dataset(), self._profile)

    def page(self, template: str, request: Request, *, status: int = 200, **values: object) -> Response:
        """A page, for whoever asks."""
        person = person_of(request) if status < 400 else NOBODY
        response = self._renderer.page(
            template,
            status=status,
            **self._named(),
            person=person,
            said=self._said(request, person),
            address=address_of(request),
            once=secrets.token_hex(8),
            **{"selection": Selection(), **values},
        )
        if {DID, THANKS} & set(request.query_params) and request.headers.get("hx-request") == "true":
            # What was just done is said once: the address that stays is that of the page.
            response.headers["HX-Replace-Url"] = address_of(request)
        return response

    def listing(self, answer: Answer, *, wanted: str, category: str | None = None) -> Listing:
        """A list, with what is to be said of it."""
        facts = no_facts if self.behind is None else self.facts
        tiles = tiles_of(answer.items, category=category, facts=facts)
        return Listing(answer, tiles, notice_of(answer, wanted=wanted, wording=self.wording))

    def facts(self, item_id: str) -> tuple[str, ...]:
        """What else the catalogue says of an item."""
        try:
            return facts_of(self.service.item(item_id))
        except TacitError:
            return ()  # removed since the list was made

    def failure(self, request: Request, error: Exception) -> Response:
        """The page that is shown where another one cannot be."""
        failure = self._told(request, error)
        response = self.page(
            "failure.html",
            request,
            status=failure.status,
            failure=failure,
            again=address_of(request) if request.method == "GET" and failure.status == 503 else None,
            may_look_after=principal_of(request).may("operations:read"),
            since=None if self.behind is None else since(self.behind.lost_since_ms(), now_ms()),
        )
        if failure.status == 503:
            response.headers["Retry-After"] = str(RETRY_SECONDS)
        if isinstance(error, Unauthenticated):
            say_unknown(response, request)
        return response

    def _told(self, request: Request, error: Exception) -> Failure:
        if isinstance(error, Unauthenticated) and self._has_sign_in:
            is_over = is_cookie_at_fault(request.scope)
            return sign_in_first(error, way_in=way_in(request, error), is_over=is_over)
        return failure_of(error, self.wording) if isinstance(error, TacitError) else UNEXPECTED

    def _named(self) -> dict[str, object]:
        dataset = self._dataset()
        return {
            "dataset": dataset,
            "wording": wording_of(dataset, self._profile),
            "is_synthetic": is_synthetic(dataset),
            "example_users": self._example_users,
            "has_more": self.behind is not None,
            "verb": None if self.behind is None else self.behind.verb,
        }

    def _said(self, request: Request, person: Person) -> Said | None:
        if THANKS in request.query_params:
            return Said("Thank you for saying so.")
        act, item_id = request.query_params.get(DID), request.query_params.get(ABOUT)
        if act is None or item_id is None or self.behind is None or person.user_id is None:
            return None
        try:
            text = said_of(act, self.service.item(item_id).title, self.behind.profile)
        except TacitError:
            return None
        return None if text is None else Said(text, item_id if act == "hide" else None)


def address_of(request: Request) -> str:
    """Path and query as they were asked, without what was just done."""
    path = (request.scope.get("raw_path") or b"/").decode("latin-1").partition("?")[0]
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name not in (DID, ABOUT, THANKS)]
    return f"{path}?{urlencode(kept)}" if kept else path
