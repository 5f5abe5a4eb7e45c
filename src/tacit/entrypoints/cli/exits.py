"""What a command's exit code means: one table from the kinds of error to numbers."""

from __future__ import annotations

from tacit.errors import BadInput, Misconfigured, NotFound, Refused, TacitError, Unavailable

OK = 0
UNEXPECTED = 1
USAGE = 2
NOT_FOUND = 3
REFUSED = 4
BAD_INPUT = 5
UNAVAILABLE = 6
MISCONFIGURED = 78
INTERRUPTED = 130

EXIT_CODES: dict[type[TacitError], int] = {
    BadInput: BAD_INPUT,
    NotFound: NOT_FOUND,
    Refused: REFUSED,
    Unavailable: UNAVAILABLE,
    Misconfigured: MISCONFIGURED,
}
"""The exit code of each kind of error."""

MEANINGS: dict[int, str] = {
    OK: "done",
    UNEXPECTED: "something nobody expected; a bug",
    USAGE: "the command was not understood",
    NOT_FOUND: "what was asked for does not exist here",
    REFUSED: "a rule of the platform forbids it, or a check failed",
    BAD_INPUT: "what was given is malformed or out of range",
    UNAVAILABLE: "it cannot be done now; the same command may succeed later",
    MISCONFIGURED: "a setting, or the installation, must be changed first",
    INTERRUPTED: "interrupted",
}
"""Every exit code, and what it means."""


def exit_code_of(error: TacitError) -> int:
    """The exit code of a kind of error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), UNEXPECTED)
