"""What the door lets in: from where, under which name, from which page, how much, and what is written down of it."""

from __future__ import annotations

import asyncio
import hmac
import json
import tracemalloc
from typing import Any

import pytest
import structlog

from tacit.entrypoints.api.checkpoints import CLIENT
from tacit.entrypoints.api.guards import ArrivalCheckpoint
from tacit.monitoring import guard_metrics as catalogue
from tacit.security.addresses import networks_of
from tacit.security.edges import CorsRules, hosts_answered
from tacit.security.limiting import Tiers
from tacit.security.principals import LOCAL, NOBODY, ROLES, Principal
from tests.guard_posts import BODY_KEY, PEER, PROXY, Post


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """Tracebacks without pictures, which take seconds each."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


LIST, USER, SIMILAR = "/api/v1/recommendations", "/api/v1/users/ann", "/api/v1/similar/i1"
KEY = Principal("key", "key:ab12", ROLES["writer"])
SHOP = "https://shop.example"


def small(**chosen: Any) -> Post:
    return Post(tiers=Tiers(anonymous_per_minute=10, authenticated_per_minute=30, session_per_day=4), **chosen)


@pytest.mark.requirement("SEC-001", "SEC-004")
def test_the_hundred_and_first_request_of_an_address_in_a_minute_is_refused_and_told_when_to_come_back() -> None:
    post = Post()
    answers = post.asks(*[LIST] * 101)

    assert [each.status_code for each in answers] == [200] * 100 + [429]
    last = answers[-1]
    assert (last.json()["code"], last.headers["ratelimit-limit"]) == ("rate_limited", "100")
    assert last.headers["ratelimit-remaining"] == "0"
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert answers[0].headers["ratelimit-remaining"] == "99"


@pytest.mark.requirement("SEC-003", "SEC-005")
def test_each_tier_has_its_own_limit_and_who_is_allowed_has_none_but_is_counted() -> None:
    post = small(allow=["203.0.113.0/24", "key:friend"])
    anonymous = post.statuses(*[LIST] * 12)
    session = post.statuses(*[LIST] * 6, peer="192.0.2.9", headers={"X-Session-Id": "s1"})
    other_session = post.statuses(LIST, peer="192.0.2.9", headers={"X-Session-Id": "s2"})
    allowed = post.statuses(*[LIST] * 40, peer="203.0.113.5")
    post.principal = KEY
    known = post.statuses(*[LIST] * 31)
    post.principal = Principal("key", "key:friend", KEY.scopes)
    friend = post.statuses(*[LIST] * 40)
    post.principal = LOCAL
    local = post.statuses(*[LIST] * 40, peer="127.0.0.1")

    assert anonymous == [200] * 10 + [429] * 2
    assert (session, other_session) == ([200] * 4 + [429] * 2, [200])
    assert known == [200] * 30 + [429]
    assert set(allowed) == set(friend) == set(local) == {200}
    assert post.metrics.value(catalogue.LIMIT_CHECKS, tier="allowed", outcome="passed") == 80


def test_costly_routes_count_several_times() -> None:
    post = small()

    assert post.statuses(SIMILAR, SIMILAR, SIMILAR, LIST) == [200, 200, 429, 429]
    # Nobody answers them here; they are counted before that is known.
    assert post.statuses(*["/api/v1/items?query=a"] * 3, peer="192.0.2.9") == [404, 404, 429]
    assert post.statuses(*["/api/v1/items?limit=1"] * 3, peer="192.0.2.8") == [404] * 3


@pytest.mark.requirement("SEC-022")
def test_strict_mode_makes_every_limit_a_tenth_while_it_holds() -> None:
    post = small()
    post.desk.be_strict(True, actor="ann", reason="attack")
    post.keeper.follow()
    strict = post.statuses(LIST, LIST)
    post.desk.be_strict(False, actor="ann", reason="over")
    post.keeper.follow()

    assert (strict, post.statuses(LIST)) == ([200, 429], [200])
    assert [entry.action for entry in post.trail.entries()] == ["limits_made_usual", "limits_made_strict"]


def test_behind_one_proxy_each_caller_has_their_own_limit_and_headers_move_nobody() -> None:
    post = small()
    hammering = [
        post.statuses(LIST, peer=PROXY, headers={"X-Forwarded-For": f"{number}.9.9.9, 198.51.100.66"})[0]
        for number in range(1, 16)
    ]
    direct = [
        post.statuses(LIST, peer="192.0.2.77", headers={"X-Forwarded-For": f"1.1.1.{number}"})[0]
        for number in range(12)
    ]

    assert hammering == [200] * 10 + [429] * 5
    assert direct == [200] * 10 + [429] * 2
    assert post.statuses(*[LIST] * 9, peer=PROXY, headers={"X-Forwarded-For": "198.51.100.67"}) == [200] * 9


def test_a_long_chain_of_proxies_leads_to_the_same_address_and_is_not_kept() -> None:
    arrival = ArrivalCheckpoint(Post().guards)

    def client(chain: bytes) -> str:
        scope: dict[str, Any] = {"method": "GET", "path": LIST, "client": (PROXY, 1)}
        scope["headers"] = [(b"x-forwarded-for", chain)]
        asyncio.run(arrival.enter(scope))
        return str(scope[CLIENT])

    short = b"198.51.100.66, 10.0.0.7, 10.0.0.8"
    found = {client(short), client(b"1.1.1.1, " * 3_000 + short), client(b"x" * 30_000 + b", " + short)}
    of_a_proxy = client(b"198.51.100.66" + b" " * 30_000)
    tracemalloc.start()
    spread = {client(b"1.1.1.1, " * 3_000 + b"198.51.100.%d, 10.0.0.7" % number) for number in range(200)}
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found, of_a_proxy) == ({"198.51.100.66"}, PROXY)
    assert spread == {f"198.51.100.{number}" for number in range(200)}
    assert kept < 200 * 3_000


def test_machines_that_ask_whether_we_live_are_neither_counted_nor_asked_for_a_name() -> None:
    post = small(hosts=frozenset({"music.example"}))

    assert set(post.statuses(*["/livez"] * 30)) == {200}


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("LOCALHOST", 200), ("evil.example", 421),
     ("127.0.0.1.nip.io", 421), ("localhost.evil.example", 421)],
)  # fmt: skip
def test_a_server_on_loopback_answers_under_its_own_names_alone(host: str, status: int) -> None:
    post = Post(hosts=hosts_answered((), "127.0.0.1"))

    assert post.statuses(LIST, headers={"Host": host}) == [status]


def test_bound_elsewhere_it_answers_under_any_name_unless_told_otherwise() -> None:
    assert hosts_answered((), "192.0.2.1") is None
    assert hosts_answered(("music.example",), "127.0.0.1") == {"music.example"}


@pytest.mark.requirement("SEC-015")
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [(SHOP, SHOP), ("https://evil.example", None), ("null", None), (SHOP + ".evil.example", None),
     ("http://shop.example", None), ("https://SHOP.example", None), ("https://shop.example:8443", None)],
)  # fmt: skip
def test_a_page_of_another_origin_may_ask_only_if_it_is_listed_letter_by_letter(
    origin: str, allowed: str | None
) -> None:
    post = Post(cors=CorsRules(frozenset({SHOP}), with_credentials=True))
    [answer] = post.asks(LIST, headers={"Origin": origin})
    wish = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    [preflight] = post.asks(LIST, method="OPTIONS", headers=wish)

    for each in (answer, preflight):
        assert each.headers.get("access-control-allow-origin") == allowed
        assert each.headers.get("access-control-allow-credentials") == ("true" if allowed else None)
        assert "Origin" in each.headers["vary"]
        assert each.headers["x-content-type-options"] == "nosniff"
    assert (answer.status_code, preflight.status_code) == (200, 204 if allowed else 403)


def test_a_preflight_may_not_wish_for_more_than_there_is_and_costs_nothing() -> None:
    post = small(cors=CorsRules(frozenset({SHOP})))
    wishes = [{"Access-Control-Request-Method": "TRACE"}, {"Access-Control-Request-Headers": "x-evil"}]
    usual = {"Origin": SHOP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    assert [post.statuses(LIST, method="OPTIONS", headers={**usual, **wish}) for wish in wishes] == [[403], [403]]
    assert set(post.statuses(*[LIST] * 20, method="OPTIONS", headers=usual)) == {204}
    assert post.statuses(*[LIST] * 10) == [200] * 10


@pytest.mark.requirement("SEC-020")
def test_whoever_looks_for_addresses_that_do_not_exist_is_kept_out_and_their_neighbour_is_not() -> None:
    post = Post(block_after=20)
    scan = post.statuses(*[f"/wp-admin/{number}" for number in range(25)])
    unknown_users = post.statuses(*["/api/v1/unknown"] * 25, peer="192.0.2.5")

    assert scan == [404] * 20 + [403] * 5
    assert set(unknown_users) == {404}
    assert post.statuses(LIST, peer="198.51.100.2") == [200]
    [blocked] = post.asks(LIST)
    assert (blocked.status_code, blocked.json()["code"]) == (403, "caller_blocked")
    assert post.metrics.value(catalogue.BLOCKED_REQUESTS) == 6


@pytest.mark.parametrize("is_limiting", [True, False])
@pytest.mark.parametrize(
    ("blocked", "principal"),
    [
        ("key:ab12", KEY),
        ("account:6F0C1B2A3D4E5F60718293A4B5C6D7E8", Principal("account", "account:6f0c1b2a", KEY.scopes)),
    ],
)
def test_a_key_or_an_account_is_kept_out_wherever_it_asks_from_and_whether_requests_are_limited_or_not(
    blocked: str, principal: Principal, is_limiting: bool
) -> None:
    post = Post(is_limiting=is_limiting)
    post.desk.block(blocked, seconds=60, reason="was stolen", actor="ann")
    post.keeper.follow()
    anonymous = post.statuses(LIST)
    post.principal = principal
    answers = post.asks(LIST, USER, peer="192.0.2.9")

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, "caller_blocked")] * 2
    assert (anonymous, post.statuses("/livez")) == ([200], [200])
    post.principal = Principal("key", "key:other", KEY.scopes)
    assert post.statuses(LIST) == [200]


@pytest.mark.requirement("SEC-016")
def test_operators_routes_answer_the_networks_of_operators_alone() -> None:
    post = Post(operators_from=networks_of(["192.0.2.0/24"]))
    paths = ["/api/v1/versions", "/%61pi/v1/versions", LIST, USER]

    assert post.statuses(*paths, peer="192.0.2.4") == [200] * 4
    assert post.statuses(*paths, peer=PEER) == [403, 403, 200, 200]


@pytest.mark.parametrize(("path", "status"), [(LIST, 200), ("/nowhere", 404), ("/api/v1/broken", 500), ("/livez", 200)])
def test_every_answer_carries_the_secure_headers_and_no_word_of_what_answers(path: str, status: int) -> None:
    post = Post(tls_in_front=True)
    [answer] = post.asks(path)

    assert answer.status_code == status
    assert {
        name: answer.headers[name]
        for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-opener-policy")
    } == {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert not {"server", "x-powered-by"} & set(answer.headers)
    if status >= 400:
        assert {"type", "title", "status", "code", "detail", "request_id"} <= set(answer.json())


def test_browsers_are_not_told_to_insist_on_tls_unless_the_operator_says_that_it_is_there() -> None:
    assert "strict-transport-security" not in Post().asks(LIST)[0].headers


@pytest.mark.requirement("SEC-024", "SEC-025")
def test_a_call_on_what_is_kept_of_a_user_leaves_who_what_when_and_a_digest_but_no_word_of_the_body() -> None:
    post = Post(access="personal")
    post.principal = KEY
    body = json.dumps({"items": ["i1", "i2"], "note": "canary-7f3a", "age": 41}).encode()
    sent = {"Content-Type": "application/json", "X-Request-Id": "r-1"}
    post.asks("/api/v1/users/b%2Fj/preferences", method="PUT", headers=sent, content=body)
    post.asks(LIST, SIMILAR, "/livez", "/nowhere")
    [access] = post.accesses

    assert (access.principal, access.client, access.user_id) == ("key:ab12", PEER, "b/j")
    assert (access.method, access.route) == ("PUT", "/api/v1/users/{user_id}/preferences")
    assert (access.decision, access.status, access.request_id) == ("allowed", 200, "r-1")
    assert access.body_digest == hmac.digest(BODY_KEY, body, "sha256").hex()
    assert json.loads(access.facts) == {"body": {"items": "2 values", "note": "11 characters", "age": "int"}}


@pytest.mark.parametrize(
    ("caller", "method", "user_id", "status", "named"),
    [(KEY, "GET", "e%CC%81", 200, "é"), (KEY, "GET", "%00", 200, None), (KEY, "GET", "a" * 3_000, 200, None),
     (KEY, "PATCH", "ann", 405, "ann"), (NOBODY, "GET", "ann", 401, None), (NOBODY, "PATCH", "ann", 405, None)],
)  # fmt: skip
def test_a_row_names_a_user_as_ids_are_kept_and_none_where_nobody_can_be_called_so_or_nobody_known_asks(
    caller: Principal, method: str, user_id: str, status: int, named: str | None
) -> None:
    post = Post()
    post.principal = caller

    assert post.statuses(f"/api/v1/users/{user_id}", method=method) == [status]
    [access] = post.accesses
    assert (access.user_id, access.status) == (named, status)


@pytest.mark.requirement("SEC-024")
def test_of_what_is_sent_to_accounts_not_even_the_length_is_told_nor_a_name_that_no_field_has() -> None:
    post, sent = Post(), {"Content-Type": "application/json"}
    body = json.dumps({"password": "hunter2", "jane@canary.example": 1, "note.a-b": "x"}).encode()
    post.asks("/api/v1/accounts/4f1d", method="PATCH", headers=sent, content=body)
    post.asks("/api/v1/users/ann/preferences", method="PUT", headers=sent, content=body)
    of_account, of_choice = post.accesses

    assert (of_account.kind, of_account.body_digest, of_account.facts) == ("administrative", "", "{}")
    assert json.loads(of_choice.facts)["body"] == {"password": "7 characters", "?": "int", "note.a-b": "1 characters"}


@pytest.mark.parametrize(("scope", "count"), [("none", 0), ("personal", 2), ("all", 3)])
def test_how_much_is_written_down_is_the_operators_choice(scope: str, count: int) -> None:
    post = Post(access=scope)
    post.asks(LIST, USER, "/api/v1/versions", "/livez")

    assert len(post.accesses) == count
