"""The Streamlit example, without a browser, over a real Tacit behind a real server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages import listening, wait_until
from tests.storefronts import Store, open_store

testing = pytest.importorskip("streamlit.testing.v1", reason="streamlit is not installed: the extra `streamlit`")
pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "examples" / "streamlit"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
def page(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    with listening(store.api) as client:
        monkeypatch.setenv("TACIT_URL", str(client.base_url).rstrip("/"))
        yield testing.AppTest.from_file(str(FOLDER / "app.py"), default_timeout=20).run()
    sys.modules.pop("tacit_api", None)


def shown(page: Any) -> list[str]:
    """The titles of the list on the page."""
    assert not page.exception
    assert not page.error
    return [each.value.partition("** ")[2].partition("  \n")[0] for each in page.main.markdown]


@pytest.mark.requirement("UI-001")
@pytest.mark.requirement("UI-002")
def test_a_mood_brings_what_suits_it_with_its_seeds(page: Any) -> None:
    page.selectbox(key="mood").select("Chill").run()

    assert len(shown(page)) == 10
    assert "stand for it" in page.caption[0].value


@pytest.mark.requirement("UI-003")
def test_what_is_found_by_name_is_asked_for_its_likes(page: Any) -> None:
    page.radio(key="view").set_value("Similar").run()
    page.text_input(key="name").input("slow riv").run()

    assert page.selectbox(key="item").options == ["Slow Rivers"]
    assert len(shown(page)) == 10
    assert "Slow Rivers" not in shown(page)


@pytest.mark.requirement("UI-003")
def test_charts_are_of_everything_or_of_a_category(page: Any) -> None:
    page.radio(key="view").set_value("Top charts").run()
    everything = shown(page)
    page.text_input(key="category").input("folk").run()

    assert len(everything) == len(shown(page)) == 10
    assert everything != shown(page)


@pytest.mark.requirement("UI-003")
def test_each_draw_is_another_and_stays_until_the_next(page: Any) -> None:
    page.radio(key="view").set_value("Discover").run()
    first = shown(page)
    again = shown(page.run())
    draws = [first]
    for _ in range(3):
        page.button(key="draw").click().run()
        draws.append(shown(page))

    assert again == first
    assert len({tuple(draw) for draw in draws}) > 1


def test_who_has_an_id_says_what_they_like_and_tacit_hears_of_it(page: Any, store: Store) -> None:
    page.text_input(key="user").input("l1").run()
    page.radio(key="view").set_value("Top charts").run()
    likes = [each for each in page.main.button if each.label == "Like"]
    likes[0].click().run()

    assert not page.exception
    wait_until(lambda: store.app.event_store.applied(0, limit=10))
    event = store.app.event_store.applied(0, limit=10)[0].logged.event
    assert (event.user_id, event.type, likes[0].key) == ("l1", "like", f"like-{event.item_id}")
    assert event.recommendation_id


def test_without_tacit_the_page_says_how_to_start_it(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_URL", "http://127.0.0.1:9")
    page.run()

    assert "tacit up" in page.error[0].value
