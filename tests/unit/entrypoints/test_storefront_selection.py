"""The state of a page, in its address; and what a page calls things and says of a list."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.entrypoints.storefront.failures import failure_of
from tacit.entrypoints.storefront.selection import MAX_LIKES, Selection, selection_of
from tacit.entrypoints.storefront.tiles import choice_of, notice_of
from tacit.entrypoints.storefront.wording import ANYTHING, COURSES, FILMS, MUSIC, Wording, is_synthetic, wording_of
from tacit.errors import BadInput, Misconfigured, NotFound, Refused, Unavailable
from tacit.security.credentials import credentials_missing
from tacit.serving.answers import Answer

IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
PERSONAL = Answer("list-1", "recommender/1", "personal", degraded=False, items=())


@given(st.lists(IDS, max_size=5, unique=True), st.none() | IDS)
def test_a_selection_is_read_back_from_its_own_address(likes: list[str], category: str | None) -> None:
    selection = Selection(tuple(likes), category)

    fields = parse_qs(urlsplit(selection.home).query, keep_blank_values=True)
    assert selection_of(fields.get("like", []), fields.get("category", [None])[0]) == selection


@given(IDS)
def test_an_id_is_one_part_of_a_path_whatever_it_contains(item_id: str) -> None:
    path = urlsplit(Selection().similar(item_id)).path

    assert path.count("/") == 2
    assert unquote(path.removeprefix("/alike/")) == item_id


def test_liking_twice_counts_once_and_removing_leaves_the_others_in_order() -> None:
    selection = Selection(("a", "b", "c"), "folk")

    assert selection.liking("a").likes == ("b", "c", "a")
    assert selection.without("b") == Selection(("a", "c"), "folk")


def test_what_a_form_sends_empty_counts_as_absent() -> None:
    assert selection_of(["", "a", "a"], "") == Selection(("a",))


@pytest.mark.parametrize(
    ("likes", "category", "code"),
    [
        ([str(number) for number in range(MAX_LIKES + 1)], None, "likes_too_many"),
        (["a\0b"], None, "text_malformed"),
        (["a" * 5_000], None, "text_malformed"),
        ([], "folk\n", "text_malformed"),
        (["\ud800"], None, "text_malformed"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_repeating_it(
    likes: list[str], category: str | None, code: str
) -> None:
    with pytest.raises(BadInput) as caught:
        selection_of(likes, category)

    assert caught.value.code == code
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("dataset", "wording"),
    [
        ("hetrec2011-lastfm-2k", MUSIC),
        ("lastfm-360k", MUSIC),
        ("synthetic-listening", MUSIC),
        ("ml-latest-small", FILMS),
        ("movielens", FILMS),
        ("coco-courses", COURSES),
        ("gowalla", ANYTHING),
        ("", ANYTHING),
    ],
)
def test_things_are_called_what_their_trade_calls_them(dataset: str, wording: Wording) -> None:
    assert wording_of(dataset) == wording


@pytest.mark.parametrize(
    ("dataset", "profile", "wording"),
    [
        ("our-evenings", "movies", FILMS),
        ("our-evenings", "lectures", COURSES),
        ("our-evenings", "music", ANYTHING),
        ("coco-courses", "music", COURSES),
    ],
)
def test_where_the_data_say_nothing_of_their_trade_the_profile_of_events_does(
    dataset: str, profile: str, wording: Wording
) -> None:
    assert wording_of(dataset, profile) == wording


def test_only_what_is_invented_is_labelled_as_such() -> None:
    assert [is_synthetic(name) for name in ("synthetic-listening", "hetrec2011-lastfm-2k")] == [True, False]


def test_the_chosen_category_is_always_in_sight_and_none_is_lost() -> None:
    categories = [(f"c{number:02}", 100 - number) for number in range(30)]

    choice = choice_of(categories, "c29")

    assert choice.first[-1] == "c29"
    assert sorted(choice.first + choice.rest) == [name for name, _ in categories]


def test_the_list_that_was_wanted_needs_no_notice() -> None:
    assert notice_of(PERSONAL, wanted="personal", wording=MUSIC) is None


@pytest.mark.parametrize(
    ("answer", "wanted", "said"),
    [
        (replace(PERSONAL, source="popular", degraded=True), "personal",
         "Showing what is popular while personal picks are unavailable."),
        (replace(PERSONAL, source="category", degraded=True), "similar",
         "Showing what is popular in this category while similar artists are unavailable."),
        (replace(PERSONAL, source="popular", degraded=True), "category",
         "Showing what is popular while artists of this category are unavailable."),
        (replace(PERSONAL, source="popular"), "personal",
         "Too little is known here for a list of its own, so this is what is popular."),
        (replace(PERSONAL, source="category", degraded=True), "personal",
         "Showing what is popular in a category that fits while personal picks are unavailable."),
        (replace(PERSONAL, source="static", degraded=True), "personal",
         "Showing what is popular while personal picks are unavailable."),
        (replace(PERSONAL, source="static", rehearsed=True), "personal",
         "Today this is what is popular: a few lists a day are made the simpler way, to keep it in use."),
        (replace(PERSONAL, source="blended"), "personal",
         "Little is known here yet, so this list mixes personal picks with what is popular."),
        (replace(PERSONAL, degraded=True), "personal",
         "This list may not know the latest yet; it is the best there is at the moment."),
    ],
)  # fmt: skip
def test_a_list_that_is_not_the_one_wanted_says_so(answer: Answer, wanted: str, said: str) -> None:
    assert notice_of(answer, wanted=wanted, wording=MUSIC) == said


def test_where_nobody_can_sign_in_a_visitor_is_told_to_send_a_key() -> None:
    failure = failure_of(credentials_missing(), MUSIC)

    assert (failure.status, failure.way_in) == (401, None)
    assert "Authorization: Bearer KEY" in str(failure.advice)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("x", "A {brace} in it."), 422),
        (NotFound("user_unknown", "No user."), 404),
        (Refused("x", "No."), 409),
        (Unavailable("model_not_loaded", "No version.", fix="tacit doctor"), 503),
        (Misconfigured("x", "Wrong."), 500),
    ],
)
def test_every_kind_of_error_is_told_in_words_for_a_visitor(
    error: BadInput | NotFound | Refused | Unavailable | Misconfigured, status: int
) -> None:
    failure = failure_of(error, MUSIC)

    assert failure.status == status
    assert failure.heading
    assert "tacit doctor" not in f"{failure.detail} {failure.advice}"
    if error.code == "x":
        assert failure.detail == error.detail
