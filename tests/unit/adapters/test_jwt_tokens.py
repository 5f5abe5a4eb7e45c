"""Access tokens: every way to forge, bend or outlive one is answered alike."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tacit.adapters.jwt_tokens import JwtMint
from tacit.adapters.token_keys import TokenKeys
from tacit.errors import Misconfigured, Refused, Unauthenticated
from tacit.security.access_tokens import AccessClaims
from tests.job_books import Clock
from tests.people import HOME, PASSWORD, House

NOW = 1_767_355_200
CLAIMS = AccessClaims("a" * 32, "s" * 32, "operator", "ü1")
Forged = Callable[[House], str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    found = House(tmp_path_factory.mktemp("home"), Clock())
    found.account()
    return found


def payload(**changes: object) -> dict[str, Any]:
    own = {"iss": "tacit:inst", "aud": "tacit:inst", "sub": "a" * 32, "sid": "s" * 32, "role": "admin", "jti": "j"}
    whole = {**own, "iat": NOW, "nbf": NOW, "exp": NOW + 600, **changes}
    return {name: value for name, value in whole.items() if value != "(missing)"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(house: House, head: Mapping[str, object] | None = None, **changes: object) -> str:
    """A token that is truly signed with our key, whatever it says."""
    key = house.keys.signing()
    header = {"alg": "EdDSA", "kid": key.kid, "typ": "at+jwt"} if head is None else dict(head)
    text = f"{b64(json.dumps(header, separators=(',', ':')).encode())}.{b64(json.dumps(payload(**changes)).encode())}"
    return f"{text}.{b64(key.private.sign(text.encode()))}"


def headed(**changes: object) -> Forged:
    def forge(house: House) -> str:
        return signed(house, {"alg": "EdDSA", "kid": house.keys.signing().kid, "typ": "at+jwt", **changes})

    return forge


def said(**changes: object) -> Forged:
    return lambda house: signed(house, None, **changes)


def unsigned(algorithm: str) -> Forged:
    def forge(house: House) -> str:
        header = {"alg": algorithm, "kid": house.keys.signing().kid, "typ": "at+jwt"}
        return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload()).encode())}."

    return forge


def with_public_key_as_secret(house: House) -> str:
    key = house.keys.signing()
    raw = key.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return jwt.encode(payload(), raw, "HS256", headers={"kid": key.kid, "typ": "at+jwt"})


def with_another_algorithm(house: House) -> str:
    key = generate_private_key(65_537, 2_048)
    return jwt.encode(payload(), key, "RS256", headers={"kid": house.keys.signing().kid, "typ": "at+jwt"})


def with_another_key(house: House) -> str:
    head = {"kid": house.keys.signing().kid, "typ": "at+jwt"}
    return jwt.encode(payload(), Ed25519PrivateKey.generate(), "EdDSA", headers=head)


def whole(house: House) -> str:
    return house.mint.issue(CLAIMS)


FORGERIES: Mapping[str, Forged] = {
    **{f"179 {each}": unsigned(each) for each in ("none", "None", "nOnE", "EdDSA")},
    "179 empty signature": lambda house: whole(house).rpartition(".")[0] + ".",
    "180 public key as secret": with_public_key_as_secret,
    "180 another algorithm": with_another_algorithm,
    "180 another key": with_another_key,
    **{
        f"181 kid {name}": headed(kid=kid)
        for name, kid in {
            "path": "../../dev/null",
            "sql": "' OR 1=1 --",
            "address": "https://evil.example/jwks.json",
            "10 KB": "k" * 10_000,
            "a number": 7,
            "null": None,
        }.items()
    },
    "182 jku": headed(jku="https://evil.example/jwks.json"),
    "182 x5u": headed(x5u="https://evil.example/cert.pem"),
    "182 jwk": headed(jwk={"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
    "182 crit": headed(crit=["exp"]),
    "182 b64": headed(b64=False, crit=["b64"]),
    "182 zip": headed(zip="DEF"),
    **{f"183 typ {typ}": headed(typ=typ) for typ in ("JWT", "AT+JWT", "jwt", "refresh", None)},
    **{
        f"183 {name} {value!r}"[:60]: said(**{name: value})
        for name, values in {
            "iss": ("tacit:other", "tacit:ins", "", "(missing)", ["tacit:inst"]),
            "aud": (["tacit:inst"], "tacit:", "tacit:inst2", ["tacit:inst", "x"], "(missing)", None),
            "sub": ("(missing)", "", 7),
            "sid": ("(missing)", None),
            "role": ("(missing)", "root", ["admin"]),
            "jti": ("(missing)",),
            "uid": (7,),
            "iat": ("(missing)", NOW + 120, f"{NOW}", True),
            "nbf": ("(missing)", NOW + 120, None),
            "exp": ("(missing)", NOW - 61, 10**12, f"{NOW + 600}", NOW + 901, float(NOW + 600), None),
        }.items()
        for value in values
    },
    "185 from long ago": said(iat=NOW - 10_000, nbf=NOW - 10_000, exp=NOW - 9_100),
    "186 100 KB": lambda house: signed(house, None, more="x" * 100_000),
    "186 five dots": lambda house: f"{whole(house)}.a.b.c",
    "186 bad base64": lambda house: f"!!{whole(house)}",
    "186 padded": lambda house: f"{whole(house)}==",
    "186 unicode": lambda house: f"{whole(house)[:-1]}é",
    "186 half a pair": lambda house: f"ey\ud800.{whole(house)}",
    "186 spaces": lambda house: f" {whole(house)} ",
    "186 newline": lambda house: f"{whole(house)}\n",
    "186 nested": lambda house: f"{b64(b'[' * 1_000)}.{b64(b'[' * 1_000)}.{'A' * 86}",
    "186 nothing": lambda house: "..",
}


@pytest.mark.requirement("SEC-013")
def test_a_token_of_ours_says_who_asks(house: House) -> None:
    assert house.mint.read(whole(house)) == CLAIMS
    assert jwt.get_unverified_header(whole(house)).keys() == {"alg", "kid", "typ"}
    assert signed(house) != whole(house)  # of the same form, and so as good:
    assert house.mint.read(signed(house)).role == "admin"


@pytest.mark.parametrize("name", FORGERIES)
def test_every_forgery_is_refused_alike_and_at_once(house: House, name: str) -> None:
    token = FORGERIES[name](house)
    house.mint.read(whole(house))  # keys are at hand
    started = time.thread_time()

    with pytest.raises(Unauthenticated) as refused:
        house.checker.principal(token)

    assert time.thread_time() - started < 0.25  # 5 ms and a slow machine
    assert refused.value.as_dict() == {
        "code": "token_invalid",
        "detail": "The token does not hold.",
        "fix": "Sign in again, or refresh it.",
    }


def test_a_thousand_unknown_keys_are_looked_for_nowhere(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was fetched"))
    for at in range(1_000):
        with pytest.raises(Unauthenticated):
            house.checker.principal(headed(kid=f"{at:016x}")(house))


@pytest.mark.parametrize("credential", ["", "tacit_live_abc_def", "tacit_refresh_" + "A" * 43, "x" * 40])
def test_what_is_no_token_at_all_is_left_to_others(house: House, credential: str) -> None:
    assert house.checker.principal(credential) is None


def mutations(token: str, count: int) -> set[str]:
    """Texts that differ from a token in a character or a few."""
    chance = random.Random(20_261)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="
    found: set[str] = set()
    for last in letters:  # the last character of a signature has bits that say nothing
        found.add(token[:-1] + last)
    while len(found) < count:
        text, at = list(token), chance.randrange(len(token))
        act = chance.randrange(4)
        if act == 0:
            text[at] = chance.choice(letters)
        elif act == 1:
            text.insert(at, chance.choice(letters))
        elif act == 2:
            del text[at : at + chance.randrange(1, 4)]
        else:
            other = chance.randrange(len(token))
            text[at], text[other] = text[other], text[at]
        found.add("".join(text))
    return found - {token}


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_mutated_token_is_accepted(house: House, count: int) -> None:
    accepted = []
    for token in mutations(whole(house), count):
        try:
            accepted += [token] if house.checker.principal(token) is not None else []
        except Unauthenticated:
            continue

    assert accepted == []


def test_tokens_of_another_installation_do_not_hold_even_with_our_key(house: House) -> None:
    other = JwtMint(house.keys, "other", clock=lambda: float(NOW))

    with pytest.raises(Unauthenticated):
        house.mint.read(other.issue(CLAIMS))


def test_a_key_that_was_replaced_counts_for_a_day_and_no_token_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    here, there = House(tmp_path, clock), House(tmp_path, clock)
    first = here.mint.issue(CLAIMS)
    clock.pass_by(seconds=1_300)
    here.keys.rotate()

    before = [here.mint.issue(CLAIMS), here.keys.signing().kid]
    clock.pass_by(seconds=11)
    there.keys._looked_at = float("-inf")  # another process looks once a second
    after = [there.mint.issue(CLAIMS), there.keys.signing().kid]

    assert before[1] != after[1]
    assert [here.mint.read(token) for token in (before[0], after[0])] == [CLAIMS, CLAIMS]
    with pytest.raises(Refused, match="younger"):
        here.keys.rotate()
    assert len(here.keys.verifying()) == 2
    clock.pass_by(days=1)
    assert [key.kid for key in here.keys.verifying()] == [after[1]]
    with pytest.raises(Unauthenticated):
        here.mint.read(first)


def test_after_a_theft_no_old_key_counts_for_another_moment(tmp_path: Path) -> None:
    house = House(tmp_path, Clock())
    stolen = house.mint.issue(CLAIMS)
    assert len(house.keys.rotate(drop_old=True)) == 1

    with pytest.raises(Unauthenticated):
        house.mint.read(stolen)
    assert house.mint.read(house.mint.issue(CLAIMS)) == CLAIMS
    assert len([*(tmp_path / "keys" / "tokens").glob("*.key")]) == 1


def test_keys_are_their_owners_alone_and_one_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    house = House(tmp_path, Clock())
    house.mint.issue(CLAIMS)
    [key] = (tmp_path / "keys" / "tokens").glob("*.key")
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    key.chmod(0o644)

    with pytest.raises(Misconfigured, match="can be read by others"):
        TokenKeys(key.parent).signing()


def test_a_revoked_sign_in_takes_its_tokens_with_it_in_every_process(tmp_path: Path) -> None:
    clock = Clock()
    here = House(tmp_path, clock)
    here.account()
    there = House(tmp_path, clock, here.accounts, here.sessions)
    given = here.sign_ins.tokens("ann", PASSWORD, HOME)

    here.sign_ins.revoke(given.refresh)
    there.revocations.look()

    for house in (here, there):
        with pytest.raises(Unauthenticated):
            house.checker.principal(given.access)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was verified, each time it was."""
    verified: list[str] = []
    really = jwt.decode

    def counting(token: str, *given: Any, **named: Any) -> dict[str, Any]:
        verified.append(token)
        return really(token, *given, **named)

    monkeypatch.setattr("tacit.adapters.jwt_tokens.jwt.decode", counting)
    return verified


def test_a_token_that_was_verified_is_known_again_until_it_is_over(tmp_path: Path, verifications: list[str]) -> None:
    house = House(tmp_path, Clock())
    token = house.mint.issue(CLAIMS)
    read = [house.mint.read(token) for _ in range(3)]
    house.clock.pass_by(seconds=629)  # type: ignore[attr-defined]
    read.append(house.mint.read(token))
    house.clock.pass_by(seconds=1)  # type: ignore[attr-defined]

    with pytest.raises(Unauthenticated):
        house.mint.read(token)
    assert (read, verifications) == ([CLAIMS] * 4, [token])


def test_a_token_that_is_known_goes_with_its_key_and_with_its_sign_in(tmp_path: Path, verifications: list[str]) -> None:
    house = House(tmp_path, Clock())
    house.account()
    given = house.sign_ins.tokens("ann", PASSWORD, HOME)
    stolen = house.mint.issue(CLAIMS)
    for token in (given.access, stolen) * 2:
        house.checker.principal(token)
    house.sign_ins.revoke(given.refresh)
    with pytest.raises(Unauthenticated):
        house.checker.principal(given.access)
    house.keys.rotate(drop_old=True)

    with pytest.raises(Unauthenticated):
        house.checker.principal(stolen)
    assert verifications == [given.access, stolen]


def test_of_the_tokens_that_are_known_the_one_not_shown_for_longest_is_forgotten_first(
    tmp_path: Path, verifications: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.adapters.jwt_tokens.MOST_KNOWN", 2)
    house = House(tmp_path, Clock())
    first, second, third = (house.mint.issue(CLAIMS) for _ in range(3))
    for token in (first, second, first, third, first, second):
        house.mint.read(token)

    assert verifications == [first, second, third, second]
