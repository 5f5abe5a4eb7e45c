"""Who sends a key is known from memory: at once, for as long as it holds, and for a while without the store."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_keys import MemoryKeyStore
from tacit.errors import TacitError, Unavailable
from tacit.security.audit import AuditRecorder
from tacit.security.key_desk import Issued, KeyDesk
from tacit.security.key_ring import KeyRing
from tacit.security.key_store import KeyUse, Standing
from tacit.security.key_wishes import KeyWish
from tests.stages import wait_until

NOW = 1_767_355_200_000
PEPPER = b"p" * 32


class Store(MemoryKeyStore):
    """One that can be out of reach."""

    is_lost = False
    asked = 0

    def standing(self) -> Standing:
        self.asked += 1
        if self.is_lost:
            raise Unavailable("database_unavailable", "It is down.")
        return super().standing()

    def note_uses(self, uses: object) -> None:
        if self.is_lost:
            raise Unavailable("database_unavailable", "It is down.")
        super().note_uses(uses)  # type: ignore[arg-type]


@dataclass
class Ward:
    """A ring beside a desk, with a clock that is moved by hand."""

    store: Store = field(default_factory=Store)
    seconds: float = 0.0
    told: list[Exception | None] = field(default_factory=list)
    trail: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)

    def __post_init__(self) -> None:
        self.ring = self.ring_of(PEPPER)
        self.ring.start()
        self.desk = KeyDesk(self.store, lambda: PEPPER, AuditRecorder(self.trail), clock_ms=self.now_ms)

    def ring_of(self, pepper: bytes, poll_seconds: float = 3_600) -> KeyRing:
        return KeyRing(
            self.store,
            lambda: pepper,
            clock_ms=self.now_ms,
            timer=lambda: self.seconds,
            told=self.told.append,
            poll_seconds=poll_seconds,
            keep_seconds=60,
        )

    def now_ms(self) -> int:
        return NOW + round(self.seconds * 1_000)

    def key(self, **changes: object) -> Issued:
        wish = KeyWish("shop", "ann", frozenset({"lists:read"}), **changes)  # type: ignore[arg-type]
        issued = self.desk.create(wish, actor="ann")
        self.ring.refresh()
        return issued

    def asked(self, text: str) -> str:
        """What becomes of who sends a text: a name, or the code of a refusal."""
        try:
            principal = self.ring.principal(text)
        except TacitError as error:
            return error.code
        return "nobody's" if principal is None else principal.name


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_a_key_names_its_holder_and_another_kind_of_credential_is_left_to_others(ward: Ward) -> None:
    issued = ward.key(user_id="bob", is_exempt=True)
    principal = ward.ring.principal(issued.text)

    assert principal is not None
    assert (principal.kind, principal.name, principal.user_id, principal.is_exempt) == (
        "key",
        f"key:{issued.key.key_id}",
        "bob",
        True,
    )
    assert ward.ring.principal("eyJhbGciOiJFZERTQSJ9.e30.x") is None


@pytest.mark.requirement("SEC-008")
def test_every_key_that_does_not_hold_is_refused_in_the_same_words(ward: Ward) -> None:
    issued, expiring = ward.key(), ward.key(expires_at_ms=NOW + 1_000)
    revoked = ward.key()
    ward.desk.revoke(revoked.key.key_id, reason="lost", actor="ann")
    ward.ring.refresh()
    ward.seconds = 2.0
    swapped = issued.text.replace(issued.key.key_id, expiring.key.key_id)
    bad = [revoked.text, expiring.text, swapped, issued.text[:-1], issued.text.lower(), "tacit_live_", "tacit_live_é"]
    bodies = set()
    for text in bad:
        with pytest.raises(TacitError) as refusal:
            ward.ring.principal(text)
        bodies.add(str(refusal.value.as_dict()))

    assert ward.asked(issued.text) == f"key:{issued.key.key_id}"
    assert len(bodies) == 1
    assert all(text not in body for text in bad[:4] for body in bodies)


def test_a_key_of_another_installation_is_none_here_even_with_the_same_database(ward: Ward) -> None:
    issued = ward.key()
    other = ward.ring_of(b"q" * 32)
    other.start()
    with pytest.raises(TacitError) as refusal:
        other.principal(issued.text)
    other.stop()

    assert refusal.value.code == "credentials_invalid"


def test_without_the_store_known_keys_hold_for_a_while_and_of_others_nobody_can_say(ward: Ward) -> None:
    issued, stranger = ward.key(), "tacit_live_zzzzzzzz_" + "x" * 40 + "_00000000"
    ward.store.is_lost = True
    ward.ring.poll()
    ward.ring.poll()
    seen = []
    for ward.seconds in (4.0, 6.0, 59.0, 61.0):
        seen.append((ward.asked(issued.text), ward.asked(stranger)))
    ward.store.is_lost = False
    ward.ring.poll()
    name = f"key:{issued.key.key_id}"

    assert seen == [
        (name, "credentials_invalid"),
        (name, "keys_unavailable"),
        (name, "keys_unavailable"),
        ("keys_unavailable", "keys_unavailable"),
    ]
    assert (ward.asked(issued.text), ward.asked(stranger)) == (name, "credentials_invalid")
    assert [None if each is None else str(each) for each in ward.told] == ["It is down.", None]


def test_no_request_asks_the_store_whether_its_key_is_known_or_not(ward: Ward) -> None:
    issued = ward.key()
    before = ward.store.asked
    for _ in range(100):
        ward.asked(issued.text)
        ward.asked(issued.text[:-3] + "abc")

    assert ward.store.asked == before


@pytest.mark.requirement("SEC-009")
def test_uses_are_counted_for_each_key_and_none_is_lost_while_they_cannot_be_written(ward: Ward) -> None:
    first, second = ward.key(), ward.key()
    for text in (first.text, first.text, second.text, "tacit_live_nothing"):
        ward.asked(text)
    ward.store.is_lost = True
    with pytest.raises(Unavailable):
        ward.ring.note()
    ward.seconds = 3.0
    ward.asked(first.text)
    ward.store.is_lost = False
    ward.ring.stop()

    assert ward.store.uses() == {first.key.key_id: KeyUse(3, NOW + 3_000), second.key.key_id: KeyUse(1, NOW)}


@pytest.mark.requirement("SEC-010")
def test_what_is_done_at_the_desk_is_followed_by_every_ring_and_stands_in_the_trail() -> None:
    ward = Ward()
    ring = ward.ring_of(PEPPER, poll_seconds=0.01)
    ring.start()
    issued = ward.key()

    def knows(text: str) -> bool:
        try:
            return ring.principal(text) is not None
        except TacitError:
            return False

    try:
        wait_until(lambda: knows(issued.text))
        rotated = ward.desk.rotate(issued.key.key_id, overlap_ms=0, actor="bob")
        wait_until(lambda: knows(rotated.text) and not knows(issued.text))
        ward.desk.require(True, reason="attack", actor="bob")
        wait_until(lambda: ring.is_required)
        ward.desk.revoke(issued.key.key_id, reason="gone", actor="bob")
        wait_until(lambda: not knows(rotated.text))
        ward.desk.require(False, reason="over", actor="bob")
        wait_until(lambda: not ring.is_required)
    finally:
        ring.stop()
    entries = ward.trail.entries()

    assert [each.action for each in reversed(entries)] == [
        "key_created",
        "key_rotated",
        "credentials_required",
        "key_revoked",
        "credentials_eased",
    ]
    assert all(text not in str(entries) for text in (issued.text, rotated.text, issued.text[-30:]))
    assert issued.text not in repr(issued)


def test_before_it_knows_anything_everybody_must_say_who_they_are(ward: Ward) -> None:
    ring = ward.ring_of(PEPPER)

    assert ring.is_required
    ward.store.is_lost = True
    with pytest.raises(Unavailable):
        ring.start()
