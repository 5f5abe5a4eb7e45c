"""Where the log goes: to stderr, so that stdout holds a command's answer and nothing else."""

from __future__ import annotations

import logging
import secrets
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter, add_logger_name
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from tacit.entrypoints.api import request_log
from tacit.entrypoints.cli.log_writer import LogWriter
from tacit.security.redaction import Redactor, Sampling

Level = Literal["info", "warning", "error"]

_SAMPLED = frozenset({"warning", "error", "critical", "exception"})


def log_to_stderr(level: Level, *, is_waiting: bool = True) -> None:
    """Write log events to stderr: for people where it is a terminal, else one JSON object a line.

    A traceback says where and what, never what the local variables held: among them are ids of users and what they
    like.  Secrets and what names a person are taken out of every event, and of one kind of trouble that repeats itself
    a share is told.

    Args:
        level: The least that is told.
        is_waiting: Whether whoever logs waits until that is written; a server must not wait for whoever reads its log.
    """
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redactor = Redactor(secrets.token_bytes(32), is_escaping=sys.stderr.isatty())
    kept = [_sampled(Sampling(time.monotonic)), *_tracebacks(), _redacted(redactor)]
    rendered = _for_people() if sys.stderr.isatty() else [structlog.processors.JSONRenderer()]
    gathering = None if is_waiting else LogWriter(sys.stderr)
    writer = sys.stderr if gathering is None else cast(TextIO, gathering)
    structlog.configure(
        processors=[*stamped, *kept, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(writer),
        cache_logger_on_first_use=False,
    )
    # Only a server writes lines of requests, and nobody reads colours there.
    is_plain = not sys.stderr.isatty() and level == "info"
    request_log.write_to(gathering.gather if gathering is not None and is_plain else None)
    _log_libraries(stamped, [*kept, *rendered], writer)


def _for_people() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _tracebacks() -> list[Processor]:
    """Tracebacks as values, so that what is redacted is redacted in them too."""
    if sys.stderr.isatty():
        return [structlog.processors.format_exc_info]
    return [structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))]


def _redacted(redactor: Redactor) -> Processor:
    def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return redactor.redacted(event)

    return redact


def _sampled(sampling: Sampling) -> Processor:
    """Leave out most of what repeats itself: of one event with one code, the first twenty in ten seconds, then 1 %."""

    def sample(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("level") not in _SAMPLED:
            return event
        stands_for = sampling.passes(f"{event.get('event')}/{event.get('code')}")
        if not stands_for:
            raise structlog.DropEvent
        if stands_for > 1:
            event["stands_for"] = stands_for
        return event

    return sample


def _log_libraries(stamped: list[Processor], rendered: list[Processor], writer: TextIO) -> None:
    """Libraries that log through the standard library speak in the same form, when something is wrong."""
    handler = logging.StreamHandler(writer)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*stamped, add_logger_name],
            processors=[ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    # It warns of each request that is no HTTP: those are answered, and anybody can send as many as they like.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
