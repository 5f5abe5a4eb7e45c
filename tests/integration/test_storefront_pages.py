"""The storefront's pages as they are sent: what they say, their statuses, their headers, their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tacit.entrypoints.storefront.rendering import POLICY
from tests.shops import ATTACK, ODD_ID, Shop, id_of, open_shop

HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Digest of `dist/htmx.min.js` in htmx.org 2.0.11, as published."""

Pages = TestClient


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(shop: Shop) -> Pages:
    return TestClient(shop.app, follow_redirects=False)


@pytest.fixture
def empty_shop(tmp_path: Path) -> Iterator[Pages]:
    with open_shop(tmp_path, dataset="ml-latest-small", example_users=(), promote=False) as opened:
        yield TestClient(opened.app)


def text_of(page: str) -> str:
    """What a reader reads."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.split("<body>")[1])))


def titles(page: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'<h3 class="title">(.*?)</h3>', page)]


def test_without_picks_the_popular_ones_are_offered_and_each_leads_on(pages: Pages) -> None:
    page = pages.get("/")

    assert page.status_code == 200
    assert len(titles(page.text)) == 12
    assert page.text.count('class="add"') == 12
    assert page.text.count("Similar<span") == 12
    assert "Start with one of these" in text_of(page.text)


def test_picks_lead_to_others_of_the_same_taste_with_the_reason_beside_each(pages: Pages) -> None:
    page = pages.get("/", params={"like": [id_of("Slow Rivers"), ODD_ID]})

    assert {"Slow Rivers", "Paper Kites"}.isdisjoint(titles(page.text))
    assert "Because you like Paper Kites" in text_of(page.text) or "Because you like Slow Rivers" in text_of(page.text)
    assert text_of(page.text).count("Because you like") == len(titles(page.text))
    assert re.search(r"personal list recommender/1 list-\d+", text_of(page.text))


def test_a_category_narrows_the_list_and_keeps_the_picks(pages: Pages) -> None:
    page = pages.get("/", params={"like": id_of("Neon Satellites"), "category": "folk"})

    kinds = re.findall(r'<p class="kinds">(.*?)</p>', page.text)
    assert kinds
    assert all(kind.split(", ")[0] == "folk" for kind in kinds)
    assert f"/?like={id_of('Neon Satellites')}&amp;category=electronic" in page.text


def test_a_listener_s_page_shows_what_they_know_and_a_list_that_rests_on_it(pages: Pages) -> None:
    page = pages.get("/listener/l1")

    known = re.findall(r'class="name"[^>]*>([^<]+)', page.text.split('class="results"')[0])
    assert known
    assert set(known).isdisjoint(titles(page.text))
    assert text_of(page.text).count("Because of") == len(titles(page.text))


def test_an_entered_id_leads_to_that_listener_s_own_address(pages: Pages) -> None:
    answer = pages.get("/listener", params={"id": " a/b "})

    assert (answer.status_code, answer.headers["location"]) == (303, "/listener/a%2Fb")


def test_an_item_with_any_id_has_a_page_of_similar_ones_that_keeps_the_picks(pages: Pages) -> None:
    page = pages.get(f"/alike/{quote(ODD_ID, safe='')}", params={"like": id_of("Slow Rivers")})

    assert page.status_code == 200
    assert "Paper Kites" not in titles(page.text)
    assert f'href="/?like={id_of("Slow Rivers")}&amp;like={quote(ODD_ID, safe="").replace("%20", "+")}"' in page.text


def test_search_offers_what_is_not_picked_yet_as_a_page_and_as_options(pages: Pages) -> None:
    asked = {"q": "slow", "like": id_of("Glass Pendulums")}
    page = pages.get("/search", params=asked)
    options = pages.get("/search", params=asked, headers={"HX-Request": "true"})
    again = pages.get("/search", params={"q": "slow", "like": id_of("Slow Rivers")})

    assert "Slow Rivers" in text_of(page.text)
    assert options.text.count('role="option"') == 1
    assert "<html" not in options.text
    assert "Nothing starts with “slow”" in text_of(again.text)


def test_picks_that_are_not_in_the_catalogue_are_named_as_left_out(pages: Pages) -> None:
    page = pages.get("/", params={"like": [id_of("Slow Rivers"), "gone"]})

    assert page.status_code == 200
    assert "1 pick is not in this catalogue" in text_of(page.text)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/listener/nobody", 404, "There is no listener with this id here."),
        ("/alike/nothing", 404, "There is no artist with this id here."),
        ("/?category=polka", 404, "No artist here belongs to this category."),
        ("/?like=gone", 422, "belong to another catalogue"),
        ("/?" + "&".join(f"like={number}" for number in range(51)), 422, "at most 50"),
        ("/?like=a%00b", 422, "control characters"),
        ("/listener/" + "a" * 5_000, 422, "too long"),
        ("/search?q=" + "a" * 101, 422, "too long"),
    ],
)
def test_what_cannot_be_shown_is_a_page_with_the_right_status(
    pages: Pages, address: str, status: int, said: str
) -> None:
    page = pages.get(address)

    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert said in text_of(page.text)
    assert "/api/v1" not in text_of(page.text)


def test_a_header_that_is_not_htmx_s_is_passed_over(pages: Pages) -> None:
    assert pages.get("/search", headers={"HX-Request": "perhaps"}).status_code == 200


@pytest.mark.parametrize("address", ["/?like=%FF", "/?unknown=1&unknown=2", "/listener?id=", "/listener/", "/search"])
def test_an_odd_address_is_answered_and_never_an_error_of_ours(pages: Pages, address: str) -> None:
    assert pages.get(address).status_code in {200, 422}


def test_before_there_is_a_model_the_page_says_so_and_when_to_come_back(empty_shop: Pages) -> None:
    page = empty_shop.get("/")

    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert "no trained model is in use" in text_of(page.text)
    assert "A viewer’s list" in text_of(page.text)
    assert "Synthetic data" not in page.text


@pytest.mark.requirement("UI-006")
def test_while_personal_lists_fail_the_page_says_what_it_shows_instead(tmp_path: Path) -> None:
    with open_shop(tmp_path) as opened:
        opened.break_tastes()
        page = TestClient(opened.app).get("/", params={"like": id_of("Slow Rivers")})

    assert page.status_code == 200
    assert "Showing what is popular in a category that fits while personal picks are unavailable." in text_of(page.text)
    assert "Slow Rivers" not in titles(page.text)
    assert "category list recommender/1" in text_of(page.text)


def test_a_failure_of_ours_is_a_page_that_tells_nothing_of_the_inside(tmp_path: Path) -> None:
    with open_shop(tmp_path) as opened:
        pages = TestClient(opened.app, raise_server_exceptions=False)
        opened.break_titles()
        page = pages.get("/search", params={"q": "slow"})

    assert page.status_code == 500
    assert "Something broke on our side" in text_of(page.text)
    assert "Traceback" not in page.text
    assert "AttributeError" not in page.text


def test_invented_data_is_labelled_on_every_page(pages: Pages) -> None:
    shown = [
        pages.get(address).text for address in ("/", "/listener/l1", "/listener", "/search?q=s", "/listener/nobody")
    ]

    assert all("Synthetic data" in page for page in shown)


def test_a_title_is_text_wherever_it_stands(pages: Pages) -> None:
    attacked = id_of(ATTACK)
    addresses = (f"/?like={attacked}", f"/alike/{attacked}", "/search?q=%3Cimg", "/listener/l2", "/?category=calm")
    shown = [pages.get(address).text for address in addresses]

    assert all("<img" not in page for page in shown)
    assert sum("&lt;img src=x" in page for page in shown) >= 4


def test_a_prefix_and_an_id_come_back_as_text(pages: Pages) -> None:
    shown = pages.get("/search", params={"q": '"><script>alert(1)</script>'}).text

    assert "<script>alert" not in shown


def test_pages_allow_nothing_but_our_own_files_and_use_no_inline_style_or_script(pages: Pages) -> None:
    page = pages.get("/", params={"like": id_of("Slow Rivers")})

    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["vary"] == "HX-Request"
    assert not re.search(r"<[^>]*\s(style|on\w+)=|<style|<script(?! src)|https?://", page.text)


def test_files_are_kept_for_a_year_under_the_digest_of_their_content(pages: Pages) -> None:
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', pages.get("/").text))
    answers = [pages.get(address) for address in addresses]

    assert len(answers) == 5
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert {answer.headers["content-type"].split(";")[0] for answer in answers} == {
        "text/css", "text/javascript", "image/svg+xml",
    }  # fmt: skip
    assert sum(len(answer.content) for answer in answers) < 100_000


def test_a_page_of_another_release_still_gets_its_files_but_does_not_keep_them(pages: Pages) -> None:
    assert pages.get("/static/storefront/0123456789abcdef/storefront.css").headers["cache-control"] == "no-cache"
    assert pages.get("/static/storefront/0123456789abcdef/../pages.py").status_code == 404


def test_a_file_that_is_not_there_is_told_on_a_page(pages: Pages) -> None:
    page = pages.get("/static/storefront/any/nothing.css")

    assert page.status_code == 404
    assert "There is no file at this address." in text_of(page.text)


def test_htmx_is_the_published_file_and_its_licence_lies_beside_it(pages: Pages) -> None:
    script = pages.get("/static/storefront/any/htmx.min.js")

    assert sha256(script.content).hexdigest() == HTMX_SHA256
    assert 'version:"2.0.11"' in script.text
    assert "Zero-Clause BSD" in pages.get("/static/storefront/any/htmx.LICENSE.txt").text


def test_what_is_typed_is_searched_without_counting_as_a_list_that_was_shown(shop: Shop, pages: Pages) -> None:
    before = shop.exposures.counts().recorded
    pages.get("/search", params={"q": "s"}, headers={"HX-Request": "true"})
    typed = shop.exposures.counts().recorded
    pages.get("/")

    assert (typed - before, shop.exposures.counts().recorded - typed) == (0, 1)


def test_pages_are_no_part_of_the_described_interface(shop: Shop) -> None:
    assert not [
        path
        for path in shop.app.openapi()["paths"]
        if not path.startswith(("/api/", "/livez", "/readyz", "/startupz", "/health"))
    ]
