"""Signing in at an identity provider: a real one on loopback, honest at first, then not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from tacit.adapters.oidc_provider import OidcClient, OidcProvider
from tacit.entrypoints.storefront.cookies import FLOW_COOKIE
from tacit.errors import Forbidden, Unauthenticated, Unavailable
from tacit.security.audit import AuditRecorder
from tacit.security.elsewhere import Elsewhere, ElsewhereRules, Flow
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, Provider, identity_provider
from tests.people import HOME, PASSWORD, House
from tests.signed_in import Door, people_door, real_clock

HTTP = httpx2.Client(timeout=5)
RULES = ElsewhereRules(frozenset({"example.org"}), "groups", {"staff": "operator", "heads": "admin"}, "reader")


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def issuer(running: Provider) -> Provider:
    """The provider, honest again."""
    honest = Provider()
    running.claims, running.changes, running.header, running.document = honest.claims, {}, {}, {}
    running.status, running.kid = 200, "k1"
    running.asked.clear()
    return running


def known_to(issuer: Provider, **choices: Any) -> OidcProvider:
    redirect = "http://127.0.0.1:8000/signin/oidc/callback"
    return OidcProvider(OidcClient(issuer.address, CLIENT_ID, CLIENT_SECRET, redirect, **choices), http=HTTP)


def elsewhere_of(house: House, rules: ElsewhereRules = RULES) -> Elsewhere:
    recorder = AuditRecorder(house.audit)
    return Elsewhere(house.accounts, house.sessions, house.revocations, recorder, rules, house.clock, house.transaction)


def come_back(provider: OidcProvider) -> tuple[str, Flow]:
    """The code that somebody comes back with, and what their browser kept."""
    address, flow = provider.begin()
    answer = HTTP.get(address)
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["state"] == [flow.state]
    return back["code"][0], flow


@pytest.mark.requirement("SEC-011")
def test_who_the_provider_vouches_for_is_let_in(issuer: Provider) -> None:
    provider = known_to(issuer)
    for _ in range(2):
        code, flow = come_back(provider)
        assert provider.finish(code, flow)["sub"] == "ann-1"

    assert issuer.asked.count("/.well-known/openid-configuration") == 1
    assert issuer.asked.count("/keys") == 1


NOW = int(time.time())
LIES: Mapping[str, dict[str, Any]] = {
    "another nonce": {"changes": {"nonce": "another"}},
    "no nonce": {"changes": {"nonce": None}},
    "another audience": {"changes": {"aud": "somebody-else"}},
    "several audiences, no party": {"changes": {"aud": [CLIENT_ID, "x"]}},
    "another party": {"changes": {"azp": "somebody-else"}},
    "another issuer": {"changes": {"iss": "https://evil.example"}},
    "issuer with a slash": {"changes": {"iss": "slash"}},
    "expired": {"changes": {"exp": NOW - 100, "iat": NOW - 400}},
    "no expiry": {"changes": {"exp": None}},
    "issued long ago": {"changes": {"iat": NOW - 4_000}},
    "issued tomorrow": {"changes": {"iat": NOW + 86_400}},
    "no subject": {"changes": {"sub": None}},
    "unsigned": {"header": {"alg": "none"}},
    "signed with a shared secret": {"header": {"alg": "HS256"}},
    "another key": {"key": "new"},
    "a key of no name": {"header": {"kid": "unknown"}},
}


@pytest.mark.requirement("SEC-011")
@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_is_not_right_in_all_is_believed_in_nothing(issuer: Provider, lie: str) -> None:
    provider = known_to(issuer)
    code, flow = come_back(provider)
    told = LIES[lie]
    issuer.changes, issuer.header = dict(told.get("changes", {})), dict(told.get("header", {}))
    if issuer.changes.get("iss") == "slash":
        issuer.changes["iss"] = f"{issuer.address}/"
    kept = issuer.key
    if "key" in told:
        provider._key("k1")  # its keys are known by then
        issuer.key = generate_private_key(SECP256R1())

    with pytest.raises(Unauthenticated) as refused:
        provider.finish(code, flow)

    issuer.key = kept
    assert refused.value.code == "oidc_refused"


def test_a_code_is_good_once_and_only_for_who_asked_for_it(issuer: Provider) -> None:
    provider = known_to(issuer)
    code, flow = come_back(provider)
    with pytest.raises(Unauthenticated):
        provider.finish(code, Flow(flow.state, flow.nonce, "another verifier", flow.ends_at))
    code, flow = come_back(provider)
    provider.finish(code, flow)

    with pytest.raises(Unauthenticated):
        provider.finish(code, flow)


def test_a_new_key_of_the_provider_is_fetched_when_a_token_names_it(
    issuer: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = known_to(issuer)
    provider.finish(*come_back(provider))
    issuer.kid = "k2"
    with pytest.raises(Unauthenticated):  # asked for a moment ago
        provider.finish(*come_back(provider))
    monkeypatch.setattr("tacit.adapters.oidc_provider.AGAIN_SECONDS", 0.0)

    assert provider.finish(*come_back(provider))["sub"] == "ann-1"
    assert issuer.asked.count("/keys") == 2


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": None},
    ],
)
def test_nothing_is_fetched_from_where_the_issuer_is_not(issuer: Provider, document: dict[str, Any]) -> None:
    code, flow = come_back(known_to(issuer))
    issuer.document = document

    with pytest.raises(Unavailable) as refused:
        known_to(issuer).finish(code, flow)

    assert refused.value.code == "oidc_unavailable"
    assert "/keys" not in issuer.asked


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_provider_that_is_away_is_said_to_be(issuer: Provider, status: int) -> None:
    issuer.status = status

    with pytest.raises(Unavailable) as refused:
        known_to(issuer).begin()

    assert refused.value.code == "oidc_unavailable"


def claims(**changes: object) -> dict[str, object]:
    own = {"iss": "https://id.example", "sub": "ann-1", "email": "Ann@Example.org", "email_verified": True}
    return {**own, **changes}


@pytest.mark.requirement("SEC-012")
def test_a_first_sign_in_makes_an_account_and_a_changed_role_ends_what_was(tmp_path: Path) -> None:
    house = House(tmp_path)
    elsewhere = elsewhere_of(house)
    account = elsewhere.account_of(claims(groups=["staff", "heads", "x"]))
    assert (account.login, account.role, account.password_hash) == ("ann@example.org", "admin", None)
    cookie = house.sign_ins.cookie_of(account, HOME)

    again = elsewhere.account_of(claims(groups="staff", email="other@example.org"))

    assert (again.account_id, again.login, again.role) == (account.account_id, "ann@example.org", "operator")
    assert house.sign_ins.session_of(cookie.value) is None
    assert [entry.action for entry in house.acts()] == ["account_created", "signed_in", "account_role_set"]


def test_nobody_comes_to_an_account_with_a_password_by_having_its_address(tmp_path: Path) -> None:
    house = House(tmp_path)
    local = house.account("ann@example.org")

    found = elsewhere_of(house).account_of(claims())

    assert found.account_id != local.account_id
    assert found.login.startswith("oidc-")
    assert found.role == "reader"


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "ann@evil.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": "ann@example.org@evil.example"},
    ],
)
def test_whose_address_is_not_of_the_domain_or_not_verified_is_not_let_in(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(Forbidden) as refused:
        elsewhere_of(House(tmp_path)).account_of(claims(**changes))

    assert refused.value.code == "sign_in_not_allowed"


def test_whom_no_role_fits_is_not_let_in_unless_there_is_one_for_everybody(tmp_path: Path) -> None:
    strict = ElsewhereRules(frozenset(), "groups", {"staff": "operator"}, None)

    with pytest.raises(Forbidden):
        elsewhere_of(House(tmp_path), strict).account_of(claims(groups=["guests"]))
    assert elsewhere_of(House(tmp_path), strict).account_of(claims(groups=["staff"])).role == "operator"


@dataclass(frozen=True)
class Journey:
    """A browser's way to the provider and back."""

    door: Door
    callback: str


@pytest.fixture
def journey(issuer: Provider, tmp_path: Path) -> Iterator[Journey]:
    house = House(tmp_path, real_clock)
    provider, elsewhere = known_to(issuer), elsewhere_of(house)
    with people_door(tmp_path, house, provider=provider, elsewhere=elsewhere) as door:
        assert "/signin/oidc" in door.client.get("/signin").text
        leaving = door.client.get("/signin/oidc")
        assert "HttpOnly" in leaving.headers["set-cookie"]
        back = urlsplit(HTTP.get(leaving.headers["location"]).headers["location"])
        yield Journey(door, f"{back.path}?{back.query}")


@pytest.mark.requirement("SEC-011")
def test_a_browser_comes_back_signed_in_once(journey: Journey) -> None:
    client = journey.door.client
    answer = client.get(journey.callback)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert ">ann@example.org</h1>" in client.get("/account").text

    again = client.get(journey.callback)
    assert (again.status_code, again.headers["www-authenticate"]) == (401, "Bearer")


def test_a_browser_comes_back_from_elsewhere_to_where_it_was_and_to_no_other_site(journey: Journey) -> None:
    client = journey.door.client
    asking = client.get("/signin", params={"next": "/alike/1?like=2"}).text
    leads = []
    for following in (asking.split('href="/signin/oidc?next=')[1].split('"')[0], "//evil.example", "/" + "x" * 3_000):
        leaving = client.get(f"/signin/oidc?next={following}")
        back = urlsplit(HTTP.get(leaving.headers["location"]).headers["location"])
        leads.append(client.get(f"{back.path}?{back.query}").headers["location"])

    assert leads == ["/alike/1?like=2", "/account", "/account"]


def test_who_comes_back_to_another_browser_or_with_another_state_is_not_signed_in(journey: Journey) -> None:
    client = journey.door.client
    kept = client.cookies[FLOW_COOKIE]
    wrong = journey.callback.replace("state=", "state=x")
    for cookie, address in ((kept, wrong), (f"x{kept}", journey.callback), ("", journey.callback), ("é", wrong)):
        client.cookies.clear()
        header = {"Cookie": f"{FLOW_COOKIE}={cookie}"} if cookie != "é" else {}
        answer = client.get(address, headers=header)
        assert (answer.status_code, "__Host-tacit=" in answer.headers.get("set-cookie", "")) == (401, False)

    assert journey.door.house.acts("signed_in") == []


def test_an_account_from_elsewhere_has_no_password_to_sign_in_with(journey: Journey) -> None:
    journey.door.client.get(journey.callback)
    journey.door.client.cookies.clear()

    refused = journey.door.asked("auth/token", {"login": "ann@example.org", "password": PASSWORD})

    assert refused.status_code == 401
