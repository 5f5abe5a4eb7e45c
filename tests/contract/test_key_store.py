"""What every `KeyStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tacit.adapters.memory_keys import MemoryKeyStore
from tacit.adapters.sql.keys import SqlKeyStore
from tacit.errors import NotFound, Refused
from tacit.security.key_store import KeyStore, KeyUse, Standing
from tacit.security.keys import ApiKey, KeySecret

NOW = 1_767_355_200_000
KEY = ApiKey("aaaaaaaa", "web shop", "ann", frozenset({"lists:read"}), None, NOW, "ann", (KeySecret("d1", NOW),))
WHOLE = replace(
    KEY,
    key_id="bbbbbbbb",
    name="Größe",
    role="reader",
    user_id="bob/1",
    is_exempt=True,
    created_at_ms=NOW + 1,
    expires_at_ms=NOW + 100,
    secrets=(KeySecret("d3", NOW + 1),),
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[KeyStore]:
    if request.param == "memory":
        yield MemoryKeyStore()
    else:
        yield SqlKeyStore(request.getfixturevalue(f"{request.param}_database"))


def test_a_key_comes_back_as_it_went_in_and_under_no_second_id(store: KeyStore) -> None:
    store.add(KEY)
    store.add(WHOLE)

    with pytest.raises(Refused) as refusal:
        store.add(replace(WHOLE, key_id=KEY.key_id))

    assert refusal.value.code == "key_taken"
    assert (store.key("aaaaaaaa"), store.key("bbbbbbbb"), store.key("cccccccc")) == (KEY, WHOLE, None)
    assert list(store.keys()) == [WHOLE, KEY]


def test_only_keys_that_hold_are_alive_and_the_others_are_kept(store: KeyStore) -> None:
    store.add(KEY)
    store.add(WHOLE)
    assert {key.key_id for key in store.alive(NOW + 99)} == {"aaaaaaaa", "bbbbbbbb"}

    store.revoke("aaaaaaaa", by="bob", at_ms=NOW + 5)

    assert list(store.alive(NOW + 100)) == []
    assert store.key("aaaaaaaa") == replace(KEY, revoked_at_ms=NOW + 5, revoked_by="bob")
    assert len(store.keys()) == 2


def test_a_rotated_key_has_its_new_secret_first_and_an_end_to_the_old(store: KeyStore) -> None:
    store.add(KEY)

    first = store.rotate("aaaaaaaa", KeySecret("d2", NOW + 10), old_until_ms=NOW + 50)
    second = store.rotate("aaaaaaaa", KeySecret("d3", NOW + 20), old_until_ms=NOW + 60)

    assert first.secrets == (KeySecret("d2", NOW + 10), KeySecret("d1", NOW, NOW + 50))
    assert second.secrets == (
        KeySecret("d3", NOW + 20),
        KeySecret("d2", NOW + 10, NOW + 60),
        KeySecret("d1", NOW, NOW + 20),
    )
    assert store.key("aaaaaaaa") == second
    assert list(store.alive(NOW + 20)) == [second]


def test_what_is_ended_or_unknown_is_not_rotated_and_revoked_once(store: KeyStore) -> None:
    store.add(WHOLE)
    with pytest.raises(Refused) as expired:
        store.rotate("bbbbbbbb", KeySecret("d9", NOW + 100), old_until_ms=NOW + 100)
    store.revoke("bbbbbbbb", by="ann", at_ms=NOW + 2)
    with pytest.raises(Refused) as revoked:
        store.rotate("bbbbbbbb", KeySecret("d9", NOW + 3), old_until_ms=NOW + 3)
    again = store.revoke("bbbbbbbb", by="eve", at_ms=NOW + 9)

    for deed in (lambda: store.revoke("x", by="a", at_ms=1), lambda: store.rotate("x", KEY.secrets[0], old_until_ms=1)):
        with pytest.raises(NotFound):
            deed()
    assert (expired.value.code, revoked.value.code) == ("key_ended", "key_ended")
    assert (again.revoked_by, again.revoked_at_ms) == ("ann", NOW + 2)


def test_every_change_raises_the_revision_and_no_repetition_does(store: KeyStore) -> None:
    revisions = [store.standing()]
    store.add(KEY)
    revisions.append(store.standing())
    store.rotate("aaaaaaaa", KeySecret("d2", NOW), old_until_ms=NOW)
    revisions.append(store.standing())
    revisions.append(store.require(True))
    revisions.append(store.require(True))
    store.revoke("aaaaaaaa", by="ann", at_ms=NOW)
    store.revoke("aaaaaaaa", by="ann", at_ms=NOW)
    revisions.append(store.standing())
    store.note_uses({"aaaaaaaa": KeyUse(1, NOW)})
    revisions.append(store.require(False))

    assert [(each.revision, each.is_required) for each in revisions] == [
        (0, False),
        (1, False),
        (2, False),
        (3, True),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert store.standing() == Standing(5)


def test_uses_add_up_from_whichever_process_notes_them(store: KeyStore) -> None:
    for key in (KEY, WHOLE):
        store.add(key)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: store.note_uses({"aaaaaaaa": KeyUse(2, NOW + at)}), range(8)))
    store.note_uses({"aaaaaaaa": KeyUse(1, NOW - 5), "bbbbbbbb": KeyUse(3, NOW)})

    assert store.uses() == {"aaaaaaaa": KeyUse(17, NOW + 7), "bbbbbbbb": KeyUse(3, NOW)}
