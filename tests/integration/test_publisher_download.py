"""Fetching from a publisher, against a real server on the loopback interface."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tacit.adapters.publisher import MOVIELENS_LATEST_SMALL, Publication, Publisher
from tacit.errors import BadInput, Refused, TacitError, Unavailable

CONTENT = b"movieId,title\n" * 20_000
Answer = Callable[[BaseHTTPRequestHandler], None]


def send(door: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None, status: int = 200) -> None:
    door.send_response(status)
    door.send_header("Content-Length", str(len(body) if length is None else length))
    door.end_headers()
    door.wfile.write(body)


def send_slowly(door: BaseHTTPRequestHandler) -> None:
    door.send_response(200)
    door.send_header("Content-Length", str(len(CONTENT)))
    door.end_headers()
    for at in range(200):
        door.wfile.write(CONTENT[at : at + 1])
        door.wfile.flush()
        time.sleep(0.02)


def redirect_to(url: str) -> Answer:
    def answer(door: BaseHTTPRequestHandler) -> None:
        door.send_response(302)
        door.send_header("Location", url)
        door.send_header("Content-Length", "0")
        door.end_headers()

    return answer


ANSWERS: dict[str, Answer] = {
    "/good.zip": lambda door: send(door, CONTENT),
    "/other.zip": lambda door: send(door, CONTENT[::-1]),
    "/truncated.zip": lambda door: send(door, CONTENT[:1000], length=len(CONTENT)),
    "/slow.zip": send_slowly,
    "/silent.zip": lambda door: time.sleep(1.0),
    "/huge.zip": lambda door: send(door, b"", length=10**9),
    "/undeclared.zip": lambda door: door.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT),
    "/moved.zip": redirect_to("/good.zip"),
    "/file.zip": redirect_to("file:///etc/hostname"),
}


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        try:
            ANSWERS.get(self.path, lambda door: send(door, b"", status=404))(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a test's output is its own."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.asked = 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def publication(server: ThreadingHTTPServer) -> Publication:
    return Publication(
        reader="movielens",
        url=f"http://127.0.0.1:{server.server_port}/good.zip",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        title="a file",
        max_bytes=1_000_000,
        is_insecure=True,
    )


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "downloads", patience_seconds=0.5, deadline_seconds=0.6)


def at(publication: Publication, path: str) -> Publication:
    return replace(publication, url=publication.url.replace("/good.zip", path))


def failure(publisher: Publisher, publication: Publication) -> TacitError:
    """How fetching fails; nothing may be left behind."""
    with pytest.raises(TacitError) as caught:
        publisher.fetch(publication)
    assert not publisher.folder.exists() or list(publisher.folder.iterdir()) == []
    return caught.value


def test_a_published_file_arrives_whole_and_says_how_far_it_is(publisher: Publisher, publication: Publication) -> None:
    shares: list[float] = []

    path = publisher.fetch(publication, lambda _, share: shares.append(share))

    assert path.read_bytes() == CONTENT
    assert path.name == "good.zip"
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert list(publisher.folder.iterdir()) == [path]


def test_a_file_fetched_before_is_not_asked_for_again(
    publisher: Publisher, publication: Publication, server: ThreadingHTTPServer
) -> None:
    first = publisher.fetch(publication)

    assert publisher.fetch(publication) == first
    assert server.asked == 1  # type: ignore[attr-defined]


def test_a_kept_file_that_was_damaged_is_fetched_anew(publisher: Publisher, publication: Publication) -> None:
    publisher.fetch(publication).write_bytes(b"damaged")

    assert publisher.fetch(publication).read_bytes() == CONTENT


def test_a_file_of_unknown_length_is_accepted_by_its_digest(publisher: Publisher, publication: Publication) -> None:
    assert publisher.fetch(at(publication, "/undeclared.zip")).read_bytes() == CONTENT


def test_another_file_than_the_published_one_is_refused_and_not_kept(
    publisher: Publisher, publication: Publication
) -> None:
    error = failure(publisher, at(publication, "/other.zip"))

    assert isinstance(error, BadInput)
    assert error.code == "checksum_mismatch"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/truncated.zip", "download_incomplete"),
        ("/slow.zip", "publisher_unreachable"),
        ("/silent.zip", "publisher_unreachable"),
        ("/nothing.zip", "publisher_refused"),
    ],
)
def test_a_publisher_who_does_not_deliver_is_unavailable_within_our_patience(
    publisher: Publisher, publication: Publication, path: str, code: str
) -> None:
    began = time.monotonic()

    error = failure(publisher, at(publication, path))

    assert isinstance(error, Unavailable)
    assert error.code == code
    assert time.monotonic() - began < 3


def test_a_publisher_nobody_can_reach_is_unavailable(publisher: Publisher, publication: Publication) -> None:
    error = failure(publisher, replace(publication, url="http://127.0.0.1:9/good.zip"))

    assert isinstance(error, Unavailable)
    assert error.code == "publisher_unreachable"


@pytest.mark.parametrize(("path", "max_bytes"), [("/huge.zip", 1_000_000), ("/undeclared.zip", 100_000)])
def test_a_file_beyond_its_size_is_refused_whether_it_says_so_or_not(
    publisher: Publisher, publication: Publication, path: str, max_bytes: int
) -> None:
    error = failure(publisher, replace(at(publication, path), max_bytes=max_bytes))

    assert isinstance(error, BadInput)
    assert error.code == "download_too_large"


def test_a_redirect_of_the_same_kind_is_followed(publisher: Publisher, publication: Publication) -> None:
    assert publisher.fetch(at(publication, "/moved.zip")).read_bytes() == CONTENT


def test_a_redirect_to_a_file_of_this_machine_is_refused(publisher: Publisher, publication: Publication) -> None:
    assert isinstance(failure(publisher, at(publication, "/file.zip")), Refused)


def test_a_redirect_from_https_to_http_is_refused(
    publisher: Publisher, publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "/downgraded.zip", redirect_to(publication.url))
    with secure_server(tmp_path) as (secure, trusting):
        url = f"https://127.0.0.1:{secure.server_port}"
        publisher = replace(publisher, tls=trusting, patience_seconds=3.0)
        fetched = publisher.fetch(replace(publication, url=f"{url}/good.zip", is_insecure=False)).read_bytes()
        with pytest.raises(Refused) as caught:
            publisher.fetch(replace(publication, url=f"{url}/downgraded.zip", is_insecure=False))

    assert fetched == CONTENT
    assert caught.value.code == "redirect_refused"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/x.zip", "url_insecure"),
        ("ftp://127.0.0.1/x.zip", "url_unsupported"),
        ("file:///x", "url_unsupported"),
    ],
)
def test_only_https_is_asked_unless_someone_gave_the_address(
    publisher: Publisher, publication: Publication, url: str, code: str
) -> None:
    assert failure(publisher, replace(publication, url=url, is_insecure=False)).code == code


def test_the_default_publication_is_the_file_we_know(shared_data: Path) -> None:
    known = shared_data / "ml-latest-small" / MOVIELENS_LATEST_SMALL.filename

    assert hashlib.sha256(known.read_bytes()).hexdigest() == MOVIELENS_LATEST_SMALL.sha256
    assert known.stat().st_size < MOVIELENS_LATEST_SMALL.max_bytes


class secure_server:  # noqa: N801  it is used as a function is
    """A server with a certificate of its own, and a context that trusts it."""

    def __init__(self, folder: Path) -> None:
        certificate, key = self_signed(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.asked = 0  # type: ignore[attr-defined]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.trusting = ssl.create_default_context(cafile=str(certificate))
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> tuple[ThreadingHTTPServer, ssl.SSLContext]:
        self.thread.start()
        return self.server, self.trusting

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key_bytes)
    return folder / "cert.pem", folder / "key.pem"
