"""Fetching a data set from its publisher: over https, once, checked against its digest before anyone reads it.

Whatever keeps the file from arriving is `Unavailable`, soon enough that the caller can go on with something else; a
file that arrives and is not the published one is `BadInput` and is not kept.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import structlog

from tacit.data.interfaces import Progress, silent
from tacit.errors import BadInput, Refused, TacitError, Unavailable

log = structlog.get_logger(__name__)

CHUNK_BYTES = 1 << 16
LARGEST_BYTES = 100_000_000
REDIRECTS = range(300, 400)
"""An answer of this kind that was not followed leads somewhere we do not go."""


@dataclass(frozen=True)
class Publication:
    """A file that its publisher offers.

    Attributes:
        reader: Name of the reader that understands it.
        url: Where it is.
        sha256: Its digest (hex); nothing else is accepted.
        title: What a person is told is being fetched.
        terms: What the publisher allows, in a sentence.
        max_bytes: More than this is not taken, whatever it claims to be.
        is_insecure: Whether plain http will do, since someone gave this very address.
    """

    reader: str
    url: str
    sha256: str
    title: str
    terms: str = ""
    max_bytes: int = LARGEST_BYTES
    is_insecure: bool = False

    @property
    def filename(self) -> str:
        """The file's own name, the last part of its address."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1] or "download"


MOVIELENS_LATEST_SMALL = Publication(
    reader="movielens",
    url="https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",
    sha256="696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    title="MovieLens latest small (GroupLens, University of Minnesota)",
    terms="Research use; no commercial use without GroupLens' permission.",
    max_bytes=5_000_000,
)


@dataclass(frozen=True)
class Publisher:
    """Fetches publications into a folder, where a checked file is found again without asking the network.

    Attributes:
        folder: Where files are kept.
        patience_seconds: How long the publisher may take to answer, or to send the next bytes.
        deadline_seconds: How long everything may take.
        clock: Seconds that only grow.
        tls: Whose certificates to trust; the system's if absent.
    """

    folder: Path
    patience_seconds: float = 3.0
    deadline_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    tls: ssl.SSLContext | None = None

    def fetch(self, publication: Publication, progress: Progress = silent) -> Path:
        """The publication as a file that has been checked.

        Raises:
            BadInput: `checksum_mismatch` or `download_too_large` if what came is not it; `url_insecure` or
                `url_unsupported` if it may not be asked for.
            Refused: `redirect_refused` if the publisher sent us to another kind of address.
            Unavailable: `publisher_unreachable`, `publisher_refused` or `download_incomplete`.
        """
        _check_url(publication)
        target = self.folder / publication.filename
        if target.is_file():
            if _digest(target) == publication.sha256:
                return target
            target.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        began = self.clock()
        size = self._download(publication, target, progress=progress)
        log.info("publication_fetched", url=publication.url, bytes=size, seconds=round(self.clock() - began, 3))
        return target

    def _download(self, publication: Publication, target: Path, *, progress: Progress) -> int:
        ends_at = self.clock() + self.deadline_seconds
        with _partial(target) as file, closing(self._answer(publication)) as response:
            digester = hashlib.sha256()
            received = 0
            expected = _declared_bytes(response)
            _check_size(publication, expected)
            for chunk in _chunks(response):
                if self.clock() > ends_at:
                    raise _unreachable(publication, f"it sent too slowly to be done in {self.deadline_seconds:g} s")
                received += len(chunk)
                _check_size(publication, received)
                digester.update(chunk)
                file.write(chunk)
                progress(f"fetching {publication.title}", min(1.0, received / (expected or publication.max_bytes)))
            _check_whole(publication, received=received, expected=expected, found=digester.hexdigest())
            file.flush()
            Path(file.name).replace(target)
        return received

    def _answer(self, publication: Publication) -> http.client.HTTPResponse:
        """The publisher's answer, its body unread.

        Looking up a host name cannot be given a time limit, so asking happens in a thread that nobody waits for longer
        than our patience; an answer that comes later is closed by that thread.
        """
        answer: Future[http.client.HTTPResponse] = Future()
        threading.Thread(target=self._ask, args=(publication, answer), daemon=True).start()
        try:
            return answer.result(timeout=self.patience_seconds)
        except TimeoutError as error:
            answer.add_done_callback(_close_late)
            raise _unreachable(publication, f"it did not answer within {self.patience_seconds:g} s") from error
        except Exception as error:
            raise _named(publication, error) from error

    def _ask(self, publication: Publication, answer: Future[http.client.HTTPResponse]) -> None:
        request = Request(publication.url, headers={"User-Agent": "tacit", "Accept-Encoding": "identity"})  # noqa: S310
        try:
            response = _opener(self.tls).open(request, timeout=self.patience_seconds)
        except Exception as error:
            answer.set_exception(error)
        else:
            answer.set_result(cast(http.client.HTTPResponse, response))


def _close_late(answer: Future[http.client.HTTPResponse]) -> None:
    if answer.exception() is None:
        answer.result().close()


class _SameScheme(HTTPRedirectHandler):
    """Follows redirects, but never to another scheme: from https to http least of all."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            fp.close()
            raise _redirected()
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(tls: ssl.SSLContext | None) -> OpenerDirector:
    """Speaks http and https and nothing else; the environment's proxy settings hold."""
    opener = OpenerDirector()
    handlers = (ProxyHandler(), HTTPHandler(), HTTPSHandler(context=tls), HTTPDefaultErrorHandler(), _SameScheme())
    for handler in (*handlers, HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def _declared_bytes(response: http.client.HTTPResponse) -> int:
    declared = response.headers.get("Content-Length") or ""
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives, as it arrives: unlike `read`, `read1` does not wait until a chunk is full."""
    try:
        while chunk := response.read1(CHUNK_BYTES):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            "download_incomplete", "The publisher stopped sending.", field="url", fix="Try again later."
        ) from error


@contextmanager
def _partial(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target, gone afterwards unless it was moved to its place."""
    with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".partial", delete=False) as file:
        try:
            yield cast(BinaryIO, file)
        finally:
            Path(file.name).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_url(publication: Publication) -> None:
    scheme = urlsplit(publication.url).scheme
    if scheme == "http" and not publication.is_insecure:
        raise BadInput("url_insecure", "The address is plain http.", field="url", fix="Use https.")
    if scheme not in {"http", "https"}:
        raise BadInput("url_unsupported", "The address is neither https nor http.", field="url", fix="Use https.")


def _check_size(publication: Publication, size: int) -> None:
    if size > publication.max_bytes:
        raise BadInput(
            "download_too_large",
            f"{publication.filename} has more than the {publication.max_bytes:,} bytes it may have.",
            field="url",
            fix="Fetch the file yourself and give its path.",
        )


def _check_whole(publication: Publication, *, received: int, expected: int, found: str) -> None:
    if received < expected:
        raise Unavailable(
            "download_incomplete",
            f"{publication.filename} ended after {received:,} of {expected:,} bytes.",
            field="url",
            fix="Try again later.",
        )
    if found != publication.sha256:
        raise BadInput(
            "checksum_mismatch",
            f"{publication.filename} is not the published file: its SHA-256 begins {found[:12]}, "
            f"not {publication.sha256[:12]}. It was not kept.",
            field="url",
            fix="Fetch the file yourself, look at it, and give its path.",
        )


def _named(publication: Publication, error: Exception) -> TacitError:
    if isinstance(error, TacitError):
        return error
    if isinstance(error, HTTPError):
        error.close()
        if error.code in REDIRECTS:
            return _redirected()
        return Unavailable(
            "publisher_refused",
            f"{urlsplit(publication.url).hostname} answered {error.code} instead of the file.",
            field="url",
            fix="Try again later, or fetch the file elsewhere and give its path.",
            context={"status": error.code},
        )
    reason = error.reason if isinstance(error, URLError) else error
    return _unreachable(publication, str(reason)[:120])


def _redirected() -> Refused:
    return Refused(
        "redirect_refused",
        "The publisher redirects to an address of another kind.",
        field="url",
        fix="Fetch the file yourself and give its path.",
    )


def _unreachable(publication: Publication, why: str) -> Unavailable:
    return Unavailable(
        "publisher_unreachable",
        f"{urlsplit(publication.url).hostname} cannot be reached: {why}.",
        field="url",
        fix="Try again later, or fetch the file elsewhere and give its path.",
    )
