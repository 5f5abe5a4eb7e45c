"""Everything that can go wrong, sorted by what the caller can do next.

```text
TacitError
├── BadInput        change what you sent: a value, a file, a query
├── NotFound        ask for something else: it does not exist here
├── Refused         stop: the platform will not do this, and says why
│   ├── Unauthenticated  say who you are: no credentials were sent, or none that hold
│   └── Forbidden        ask somebody who may: these credentials do not allow it
├── Unavailable     try again: it cannot be done at this moment
│   └── Limited          try again later, and less often: too much was asked at once
└── Misconfigured   an operator must change a setting before anything starts
```

Rooms raise these and know no status code; one table at each door turns a kind into an HTTP status or an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping


class TacitError(Exception):
    """Something went wrong that we can name, explain and tell how to mend.

    Attributes:
        code: Stable machine-readable name, `noun_problem` (`file_empty`, `signature_invalid`).
        detail: One sentence for a person: the field, the shape of the value, what is wrong with it.
        field: The field, column, setting or file that is at fault, where there is one.
        fix: What to do about it, where we know.
        context: Further facts for a program (line numbers, counts, neighbours), JSON-representable.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        fix: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail if fix is None else f"{detail} {fix}")
        self.code = code
        self.detail = detail
        self.field = field
        self.fix = fix
        self.context: Mapping[str, object] = dict(context or {})

    def as_dict(self) -> dict[str, object]:
        """The error as plain values, without the fields that say nothing."""
        facts = {"code": self.code, "detail": self.detail, "field": self.field, "fix": self.fix}
        return {key: value for key, value in {**facts, **self.context}.items() if value is not None}


class BadInput(TacitError):
    """What was sent is malformed or out of range; the sender still has it and can send it mended."""


class NotFound(TacitError):
    """What was asked for does not exist here."""


class Refused(TacitError):
    """A rule of the platform forbids this; asking again will not help."""


class Unauthenticated(Refused):
    """Who asks sent no credentials, or none that hold; why is not told apart."""


class Forbidden(Refused):
    """Who asks is known, and may not do this."""


class Unavailable(TacitError):
    """It cannot be done now; the same request may succeed later.

    Attributes:
        retry_after: Seconds after which asking again makes sense.
    """

    retry_after: float = 1.0


class Limited(Unavailable):
    """Somebody asked for more than they may in a while.

    Args:
        retry_after: Seconds after which they may ask again.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retry_after: float,
        field: str | None = None,
        fix: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, detail, field=field, fix=fix, context=context)
        self.retry_after = retry_after


class Misconfigured(TacitError):
    """The installation's settings are wrong, so nothing is started."""
