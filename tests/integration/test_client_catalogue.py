"""The client at the catalogue's door: items and users described, changed, hidden and removed on a real platform."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tacit.bootstrap import build, load_settings, serving
from tacit.client import AsyncTacitClient, Preferences, TacitClient
from tacit.data import synthetic
from tacit.errors import BadInput, NotFound
from tests.apis import api_of
from tests.stages import listening


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A platform with a version that answers, and its catalogue's door."""
    folder = tmp_path_factory.mktemp("shop")
    synthetic.generate(folder / "community", users=120, items=100, artists_per_user=20)
    flags = {"home": folder / "home", "als.engine": "numpy", "als.factors": 4, "als.iterations": 2}
    with build(load_settings(flags=flags, environ={})) as app:
        app.import_data("auto", folder / "community", actor="test")
        app.train(actor="test")
        app.promote(1, actor="test", force=True, reason="a test")
        with serving(app) as parts:
            api = api_of(parts)
            with listening(api) as http:
                yield str(http.base_url)


def test_an_item_lives_as_the_client_says(address: str) -> None:
    moment = datetime(2100, 1, 2, tzinfo=UTC)
    with TacitClient(address) as client:
        made = client.put_item("new/item", title="New", categories=("a", "b"), labels={"x": [1]}, expires_at=moment)
        changed = client.patch_item("new/item", available=False, categories=None)
        read = client.item("new/item")
        client.delete_item("new/item")
        with pytest.raises(NotFound):
            client.item("new/item")
        with pytest.raises(NotFound):
            client.delete_item("new/item")

    assert (made.title, made.categories, made.labels, made.expires_at) == ("New", ("a", "b"), {"x": [1]}, moment)
    assert (made.available, changed.available, changed.categories) == (True, False, ())
    assert changed == read
    assert read.updated_at is not None


def test_an_item_that_is_hidden_is_in_no_answer_from_then_on(address: str) -> None:
    with TacitClient(address) as client:
        best = client.popular(limit=1).items[0].item_id
        client.patch_item(best, available=False)
        hidden = client.popular(limit=1).items[0].item_id
        client.patch_item(best, available=True)
        shown = client.popular(limit=1).items[0].item_id

    assert hidden != best
    assert shown == best


def test_a_user_is_who_and_what_the_client_says(address: str) -> None:
    with TacitClient(address) as client:
        liked = client.popular(limit=2).items[0].item_id
        chosen = Preferences((liked,), (), ("calm",))
        user = client.put_user("somebody new", labels={"plan": "free"})
        kept = client.set_preferences("somebody new", chosen)
        again = client.put_user("somebody new", labels={"plan": "paid"}, preferences=chosen)
        with pytest.raises(BadInput) as unknown:
            client.set_preferences("somebody new", Preferences(("nothing like it",)))

    assert (user.labels, user.preferences, user.interactions) == ({"plan": "free"}, Preferences(), 0)
    assert kept == chosen
    assert (again.labels, again.preferences) == ({"plan": "paid"}, chosen)
    assert unknown.value.code == "items_unknown"


def test_the_same_is_said_from_an_event_loop(address: str) -> None:
    async def say() -> None:
        async with AsyncTacitClient(address) as client:
            made = await client.put_item("from a loop", title="Loop")
            await client.patch_item("from a loop", title="Other")
            assert (made.title, (await client.item("from a loop")).title) == ("Loop", "Other")
            await client.delete_item("from a loop")
            assert (await client.put_user("looper")).user_id == "looper"

    asyncio.run(say())
