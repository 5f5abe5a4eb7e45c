"""Heads known at a glance: those that differ in their address alone from one that was read, and no others."""

from __future__ import annotations

import pytest

from tacit.entrypoints.api.glance import Glance

REST = b"host: here\r\nauthorization: Bearer x\r\n\r\n"
HEADERS = [(b"host", b"here"), (b"authorization", b"Bearer x")]


def head(url: bytes, rest: bytes = REST) -> bytes:
    return b"GET " + url + b" HTTP/1.1\r\n" + rest


@pytest.fixture
def glance() -> Glance:
    known = Glance()
    known.arrived(head(b"/a?limit=3"))
    known.is_plain(HEADERS)
    return known


def test_another_address_with_the_same_head_is_known(glance: Glance) -> None:
    assert glance.address(head(b"/api/v1/users/%C3%A9/recommendations?limit=10")) is not None
    assert glance.address(head(b"/b")) == b"/b"
    assert glance.headers == HEADERS


@pytest.mark.parametrize(
    "sent",
    [
        head(b"/b", b"host: there\r\n\r\n"),
        head(b"/b")[:-1],
        head(b"/b") + head(b"/c"),
        head(b"/b c"),
        head(b"b"),
        head("/ä".encode()),
        head(b'/"'),
        head(b"/b").replace(b"1.1", b"1.0"),
        head(b"/b").replace(b"GET", b"PUT"),
        b"\r\n" + head(b"/b"),
        b"GET /b\r\n" + REST,
        b"",
    ],
)
def test_whatever_else_comes_is_to_be_read(glance: Glance, sent: bytes) -> None:
    assert glance.address(sent) is None


@pytest.mark.parametrize(
    ("sent", "asks"),
    [
        (head(b"/api/v1/users/ada/recommendations?limit=3"), True),
        (head(b"/api/v1/users/ada/recommendations"), True),
        (head(b"/api/v1/users/ada/recommendations?limit=3", b"host: there\r\n\r\n"), False),
        (head(b"/api/v1/users/ada/recommendations") + head(b"/api/v1/users/bob/recommendations"), False),
        (head(b"/livez"), False),
        (head(b"/api/v1/users/ada"), False),
        (head(b"/api/v1/users/ada?x=/recommendations"), False),
        (head(b"/api/v1/users/ada/bob/recommendations"), False),
        (head(b"/api/v1/items/ada/recommendations"), False),
        (head(b"/api/v1/users/ada/recommendations").replace(b"GET", b"PUT"), False),
    ],
)
def test_who_asks_for_a_list_is_known_at_a_glance(glance: Glance, sent: bytes, asks: bool) -> None:
    url = glance.address(sent)

    assert (url is not None and glance.asks_for_list(url)) is asks


def test_who_names_their_requests_is_to_be_read() -> None:
    known, rest = Glance(), b"x-request-id: mine\r\n\r\n"
    known.arrived(head(b"/a", rest))
    known.is_plain([(b"x-request-id", b"mine")])

    assert known.address(head(b"/b", rest)) == b"/b"
    assert not known.asks_for_list(b"/api/v1/users/ada/recommendations")


def test_nothing_is_known_while_a_request_is_being_read(glance: Glance) -> None:
    glance.is_between = False

    assert glance.address(head(b"/b")) is None


@pytest.mark.parametrize("pieces", [(head(b"/a")[:20], head(b"/a")[20:]), (head(b"/a") + b"body",), (b"POST" + REST,)])
def test_what_did_not_come_as_one_whole_head_is_not_remembered(pieces: tuple[bytes, ...]) -> None:
    glance = Glance()
    for number, piece in enumerate(pieces):
        glance.is_between = number == 0
        glance.arrived(piece)
    glance.is_plain(HEADERS)
    glance.is_between = True

    assert glance.address(head(b"/a")) is None
