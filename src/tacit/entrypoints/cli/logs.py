"""Where the log goes: to stderr, so that stdout holds a command's answer and nothing else."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.stdlib import ProcessorFormatter, add_logger_name
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

Level = Literal["info", "warning", "error"]


def log_to_stderr(level: Level) -> None:
    """Write log events to stderr: for people where it is a terminal, else one JSON object a line.

    A traceback says where and what, never what the local variables held: among them are ids of users and what they
    like.
    """
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered = _for_people() if sys.stderr.isatty() else _for_programs()
    structlog.configure(
        processors=[*stamped, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _log_libraries(stamped, rendered)


def _for_people() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _for_programs() -> list[Processor]:
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, structlog.processors.JSONRenderer()]


def _log_libraries(stamped: list[Processor], rendered: list[Processor]) -> None:
    """Libraries that log through the standard library speak in the same form, when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*stamped, add_logger_name],
            processors=[ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    # It warns of each request that is no HTTP: those are answered, and anybody can send as many as they like.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
