"""Where the log goes: to stderr, so that stdout holds a command's answer and nothing else."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

Level = Literal["info", "warning", "error"]


def log_to_stderr(level: Level) -> None:
    """Write log events to stderr: for people where it is a terminal, else one JSON object a line."""
    is_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if is_terminal else (structlog.processors.dict_tracebacks,)),
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries that log through the standard library have something to say only when something is wrong.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
