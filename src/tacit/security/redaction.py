"""What must not stand in a log: secrets, people, and characters that forge or hide lines (pure)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
MAX_CHARACTERS = 2_000
_MAX_DEPTH = 8

_SECRET_NAMES = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token|api_?key|authorization|cookie|credential|private_?key|dsn$", re.IGNORECASE
)
_USER_NAMES = frozenset({"user_id", "user", "user_ids", "users", "email", "username"})

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"tacit_(?:live|test|refresh)_[A-Za-z0-9_-]+"), "tacit_***"),
    (re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 ***"),
    (re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s@]*@"), r"\1***@"),
    (re.compile(r"(?i)((?:password|passwd|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;}]+"), r"\1***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), HIDDEN),
)
_DIGITS = re.compile(r"(?<![0-9A-Za-z])(?:[0-9][ -]?){12,18}[0-9](?![0-9A-Za-z])")
_HINTS = re.compile(r"@|%40|://|eyJ|tacit_|(?i:bearer|basic|pass|secret|token|key)|[0-9](?:[ -]?[0-9]){12}")
_LINE_BREAKERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def hidden_text(text: str) -> str:
    """A text without what no log may hold, and not longer than anybody reads."""
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}… ({len(text)} characters)"
    if _HINTS.search(text):
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        text = _DIGITS.sub(_card_hidden, text)
    return text


def safe_text(text: str) -> str:
    """The same on one line, without characters that forge or hide one."""
    text = hidden_text(text)
    return _LINE_BREAKERS.sub(_escaped, text) if not (text.isascii() and text.isprintable()) else text


class Redactor:
    """Looks at every field of a log event.

    Args:
        key: Of this process alone: the same user has the same pseudonym in the lines of one run, and in no others.
        is_escaping: Whether nobody behind it escapes what would forge a line, as JSON does.
    """

    def __init__(self, key: bytes, *, is_escaping: bool = True) -> None:
        self._key, self._text = key, safe_text if is_escaping else hidden_text

    def redacted(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event with every value safe; what an event is called is a constant of ours."""
        for name, value in event.items():
            event[name] = self._safe(name, value, 0)
        return event

    def _safe(self, name: str, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return HIDDEN if value is not None and _names_secret(name) else value
        if _names_secret(name):
            return HIDDEN
        if depth > _MAX_DEPTH:
            return HIDDEN
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._safe(str(key), each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._safe(name, each, depth + 1) for each in value]
        if isinstance(value, bytes):
            return f"({len(value)} bytes)"
        if name == "exception":  # lines of a traceback, for people
            return "\n".join(map(self._text, str(value).split("\n")))
        return self._pseudonym(str(value)) if name in _USER_NAMES else self._text(str(value))

    def _pseudonym(self, user: str) -> str:
        return "user:" + hmac.new(self._key, user.encode(errors="replace"), hashlib.sha256).hexdigest()[:16]


class Sampling:
    """Lets the first few of each kind of line through in a while, then one in a hundred, each saying how many it is.

    Args:
        clock: Tells passing time in seconds.
        burst: Lines of a kind that pass in each `seconds`.
        one_in: Of those beyond, which share passes.
        kinds: Kinds that are counted at once.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        seconds: float = 10.0,
        burst: int = 20,
        one_in: int = 100,
        kinds: int = 500,
    ) -> None:
        self._clock, self._seconds, self._burst, self._one_in, self._most = clock, seconds, burst, one_in, kinds
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def passes(self, kind: str) -> int:
        """How many lines this one stands for: 1 usually, 0 for one that is left out."""
        now = self._clock()
        since, count = self._counts.get(kind, (now, 0))
        since, count = (now, 1) if now - since >= self._seconds else (since, count + 1)
        self._counts[kind] = (since, count)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        if count <= self._burst:
            return 1
        return self._one_in if (count - self._burst) % self._one_in == 0 else 0


@lru_cache(maxsize=1_024)
def _names_secret(name: str) -> bool:
    """Whether a field of that name holds a secret; few names, looked at in every line."""
    return _SECRET_NAMES.search(name) is not None and not _is_count(name)


def _is_count(name: str) -> bool:
    """Names that speak of secrets without holding one (`tokens_left`, `key_count`, `token_kind`)."""
    return name.endswith(("_count", "_kind", "_total", "_seconds", "tokens_left"))


def _card_hidden(match: re.Match[str]) -> str:
    digits = [int(each) for each in match[0] if each.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return HIDDEN if sum(doubled) % 10 == 0 else match[0]


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
