"""Where the log goes, and what never stands in it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from tacit.entrypoints.cli.logs import log_to_stderr

CANARY = "canary-7f3a"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(stream: io.StringIO) -> Iterator[None]:
    """A process that was just started, whose stderr is the stream."""
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    handlers, stderr, level = root.handlers, sys.stderr, uvicorn.level
    root.handlers, sys.stderr = [], stream
    try:
        log_to_stderr("info")
        yield
    finally:
        root.handlers, sys.stderr = handlers, stderr
        uvicorn.setLevel(level)
        structlog.reset_defaults()


def fail_over(user_id: str) -> None:
    likes = [user_id]
    raise LookupError(f"{len(likes)} likes could not be read")


@pytest.mark.parametrize("stderr", [io.StringIO(), Terminal()], ids=["a file", "a terminal"])
def test_a_traceback_says_what_failed_and_where_but_not_what_the_variables_held(stderr: io.StringIO) -> None:
    with logging_to(stderr):
        try:
            fail_over(CANARY)
        except LookupError:
            structlog.get_logger().exception("request_failed")
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    written = stderr.getvalue()
    assert written.count("1 likes could not be read") == 2
    assert written.count("fail_over") >= 2
    assert CANARY not in written


def test_libraries_write_one_json_object_a_line_like_the_platform() -> None:
    stderr = io.StringIO()
    with logging_to(stderr):
        structlog.get_logger().info("version_loaded", version="recommender/1")
        logging.getLogger("a.library").warning("something\nwith two lines")

    ours, theirs = (json.loads(line) for line in stderr.getvalue().splitlines())
    assert (ours["event"], ours["version"]) == ("version_loaded", "recommender/1")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("something\nwith two lines", "warning", "a.library")
    assert ours.keys() >= {"level", "timestamp"} <= theirs.keys()


def test_requests_that_are_no_http_cannot_fill_the_log() -> None:
    stderr = io.StringIO()
    with logging_to(stderr):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    assert stderr.getvalue() == ""
