"""Who is kept out for a while, why, and who looked at it again (pure but for the interface)."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from tacit.errors import BadInput
from tacit.security.accounts import name_of
from tacit.security.addresses import Address, Network, address_of, caller_key, network_key, networks_of

Source = Literal["manual", "automatic"]
Decision = Literal["kept", "lifted"]

_ACCOUNT_ID = re.compile(r"[0-9A-Fa-f]{32}")

MAX_REASON = 500
MAX_SECONDS = 31_536_000
_GROWTH = 4.0
_MOST_CALLERS = 4_096


@dataclass(frozen=True)
class Block:
    """Somebody kept out.

    Attributes:
        block_id: Names it in an appeal.
        caller: An address, a network, or a name such as `key:ab12cd34`.
        reason: Why, in words.
        source: Whether a person or a rule did it.
        by: Who did it.
        at_ms: When.
        until_ms: When it ends by itself.
        level: How many there were of this caller within a day, this one included.
        appeal: What was said against it.
        review: What somebody found who looked at it again.
        reviewed_by: Who that was.
        lifted_at_ms: When it was taken back.
    """

    block_id: str
    caller: str
    reason: str
    source: Source
    by: str
    at_ms: int
    until_ms: int
    level: int = 1
    appeal: str = ""
    review: str = ""
    reviewed_by: str = ""
    lifted_at_ms: int | None = None

    def holds_at(self, now_ms: int) -> bool:
        """Whether it keeps anybody out at a moment."""
        return self.lifted_at_ms is None and now_ms < self.until_ms


@dataclass(frozen=True)
class Guarding:
    """What every process is to keep to, as of a revision.

    Attributes:
        revision: Rises with every change.
        is_strict: Whether every limit is a fraction of itself.
        blocks: Those that hold.
    """

    revision: int = -1
    is_strict: bool = False
    blocks: tuple[Block, ...] = ()


class GuardStore(Protocol):
    """Keeps blocks and the switch of strict mode, for every process of an installation."""

    def revision(self) -> int:
        """What was changed last; cheap."""
        ...

    def guarding(self, now_ms: int) -> Guarding:
        """What is to be kept to."""
        ...

    def set_strict(self, is_strict: bool) -> bool:
        """Switch strict mode; `False` if it was so already."""
        ...

    def add(self, block: Block) -> None: ...
    def change(self, block: Block) -> None:
        """Keep what an appeal or a review made of it."""
        ...

    def block(self, block_id: str) -> Block | None: ...
    def blocks(self, *, limit: int, holding_at_ms: int | None = None) -> Sequence[Block]:
        """The latest, newest first; only those that hold at a moment, if one is given."""
        ...

    def count_since(self, caller: str, at_ms: int) -> int:
        """How often a rule blocked somebody since then."""
        ...


class BlockIndex:
    """Finds who is kept out, for every request: by name and address at once, by network one after the other.

    Of several blocks of a caller the one that ends last counts, whoever made it and when.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        standing = sorted((each for each in blocks if each.lifted_at_ms is None), key=lambda block: block.until_ms)
        last = {each.caller: each for each in standing}
        self._callers = {caller: each for caller, each in last.items() if "/" not in caller or _is_one(caller)}
        self._wide: list[tuple[Network, Block]] = [
            (networks_of([caller])[0], each) for caller, each in last.items() if caller not in self._callers
        ]

    def find(self, caller: str, now_ms: int) -> Block | None:
        """The block that keeps a caller out, if any does."""
        own = self._callers.get(caller)
        if own is not None and own.holds_at(now_ms):
            return own
        return self._find_wide(caller, now_ms) if self._wide else None

    def _find_wide(self, caller: str, now_ms: int) -> Block | None:
        address = address_of(caller.partition("/")[0])
        if address is None:
            return None
        return next((block for network, block in self._wide if address in network and block.holds_at(now_ms)), None)


def checked_caller(text: str) -> str:
    """A caller as requests name them, so that what is kept is found again.

    An account by its whole id is the name that stands for it, and what lies within a network of 64 bits of IPv6 is that
    network, for whoever has one address of it has all.

    Raises:
        BadInput: `caller_invalid`.
    """
    text = text.strip()
    kind, _, name = text.partition(":")
    if kind in ("key", "account") and len(text) <= 128 and text.isascii() and text.isprintable():
        return name_of(name.lower()) if kind == "account" and _ACCOUNT_ID.fullmatch(name) else text
    address = address_of(text)
    if address is not None:
        return caller_key(address)
    try:
        network = network_key(networks_of([text])[0])
    except ValueError:
        network = None
    if network is None or network.prefixlen < (8 if network.version == 4 else 16):
        raise BadInput(
            "caller_invalid",
            "This is no address, no network of a bearable size, and no name of a key or an account.",
            field="caller",
            fix="Write 203.0.113.7, 203.0.113.0/24, 2001:db8::/32 or key:ab12cd34.",
        )
    return str(network)


def checked_reason(text: str, field: str = "reason") -> str:
    """A reason that somebody else can read.

    Raises:
        BadInput: `field_missing`, `text_too_long`.
    """
    text = text.strip()
    if not text:
        raise BadInput("field_missing", f"{field} is empty.", field=field, fix="Say why, in a few words.")
    if len(text) > MAX_REASON or not text.isprintable():
        raise BadInput("text_invalid", f"{field} must be one line of {MAX_REASON} characters at most.", field=field)
    return text


def seconds_of(level: int, *, first: float, longest: float) -> float:
    """How long a rule's block holds: each four times as long as the one before."""
    return float(min(longest, first * _GROWTH ** min(level - 1, 32)))


class Offences:
    """Counts what was refused to each caller in the last minute, for a bounded number of callers.

    Args:
        threshold: How many in `seconds` are too many; 0 counts nothing.
        callers: How many callers are counted at once; the one that was quiet for longest is forgotten first.
    """

    def __init__(self, threshold: int, *, seconds: float = 60.0, callers: int = 2_000) -> None:
        self._threshold, self._seconds, self._most = threshold, seconds, callers
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, caller: str, now: float) -> bool:
        """Count one; `True` if it was one too many, and then counting begins anew."""
        if not self._threshold:
            return False
        seen = self._seen.pop(caller, None) or deque(maxlen=self._threshold)
        seen.append(now)
        if len(seen) == self._threshold and now - seen[0] <= self._seconds:
            return True
        self._seen[caller] = seen
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return False

    def __len__(self) -> int:
        return len(self._seen)


class AllowedCallers:
    """Those who are counted but never limited nor blocked.

    Reading an address costs more than all else that is asked of a request here, and few ask often: what was found of
    the latest callers is remembered, for as long as this list is the one that holds.
    """

    def __init__(self, listed: Sequence[str]) -> None:
        checked = [checked_caller(each) for each in listed]
        self._names = frozenset(checked)
        self._networks = networks_of([each for each in checked if "/" in each])
        self._found = lru_cache(maxsize=_MOST_CALLERS)(self._is_within)

    def holds(self, caller: str) -> bool:
        """Whether a caller, by name or by address, is one of them."""
        return caller in self._names or (bool(self._networks) and self._found(caller))

    def _is_within(self, caller: str) -> bool:
        address: Address | None = address_of(caller.partition("/")[0])
        return address is not None and any(address in each for each in self._networks)


def _is_one(caller: str) -> bool:
    return caller.endswith("/64")
