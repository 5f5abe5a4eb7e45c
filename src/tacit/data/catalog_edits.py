"""What is said of items and users over the catalogue's door: judged, then settled with what was said before (pure).

An edit names an item or a user and some fields.  Put, it stands in the place of all that was said before; patched, only
its fields do.  A field that is null holds again what an import said, or what holds if nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from tacit.data import catalog_fields as fields
from tacit.data.catalog_entries import CatalogStore, ItemEntry, UserEntry
from tacit.data.event_fields import checked_id, wrong_type
from tacit.errors import BadInput, NotFound, TacitError

MAX_EDITS = 500
"""Most edits of one call."""

Fate = Literal["created", "changed", "unchanged", "deleted"]
"""What became of an edit that was kept; an unchanged entry is not written again."""

Settled = Fate | TacitError
"""What became of an edit, or why it was not kept."""

Entry = TypeVar("Entry", ItemEntry, UserEntry)
Result = TypeVar("Result")

Rule = Callable[["Edit", Entry | None], tuple[Entry, Fate]]
"""What an edit makes of the entry before it; raises if it may not."""

Decide = Callable[[Mapping[str, Entry]], tuple[Sequence[Entry], Result]]
"""What to keep, and what to answer, given the entries there are; may be asked again if the store has to start anew."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is said of an item or a user.

    Attributes:
        subject: Its id.
        said: The fields named, under the names of the entry's; `None` for null.
    """

    subject: str
    said: Mapping[str, Any]

    def over(self, entry: Entry) -> Entry:
        """An entry once this is said of it."""
        plain = type(entry)(self.subject)
        return replace(
            entry, **{name: getattr(plain, name) if each is None else each for name, each in self.said.items()}
        )


class EditableCatalog(CatalogStore, Protocol):
    """A `CatalogStore` whose entries are read and changed in one step, with no other writer in between."""

    def edit_items(self, item_ids: Sequence[str], decide: Decide[ItemEntry, Result]) -> Result:
        """Ask for a decision on the entries of some items, keep what it says, all or none, and return its answer.

        Raises:
            Unavailable: It cannot be kept now.
        """
        ...

    def edit_users(self, user_ids: Sequence[str], decide: Decide[UserEntry, Result]) -> Result:
        """The same for users."""
        ...


_ITEM_FIELDS: Mapping[str, tuple[str, fields.Read]] = {
    "title": ("title", fields.title),
    "categories": ("categories", lambda value: fields.words(value, "categories")),
    "tags": ("tags", lambda value: fields.words(value, "tags")),
    "labels": ("labels", fields.labels),
    "available": ("available", lambda value: fields.flag(value, "available")),
    "expires_at": ("expires_at_ms", lambda value: fields.moment_ms(value, "expires_at")),
}
_USER_FIELDS: Mapping[str, tuple[str, fields.Read]] = {
    "labels": ("labels", fields.labels),
    "preferences": ("preferences", fields.preferences),
}


def item_edit(raw: object, item_id: str | None = None) -> Edit:
    """What was sent of an item.

    Args:
        raw: A JSON value, as parsed.
        item_id: Which item, where the id does not stand in the value itself.

    Raises:
        BadInput: `type`, `field_unknown`, `field_missing` without an id, or what is wrong with a field.
    """
    return _edit(raw, _ITEM_FIELDS, kind="item", subject=item_id)


def user_edit(raw: object, user_id: str | None = None) -> Edit:
    """What was sent of a user; as `item_edit`."""
    return _edit(raw, _USER_FIELDS, kind="user", subject=user_id)


def removal(raw: object, *, kind: Literal["item", "user"]) -> Edit:
    """The item or user that is to be removed: its id, or an object with it.

    Raises:
        BadInput: `type`, `field_unknown`, `field_missing`, or what is wrong with the id.
    """
    name = f"{kind}_id"
    return Edit(checked_id(raw, name), {}) if isinstance(raw, str) else _edit(raw, {}, kind=kind, subject=None)


def check_size(size: int) -> None:
    """Raises `batch_size` unless a call may have so many edits."""
    if not 1 <= size <= MAX_EDITS:
        raise BadInput(
            "batch_size",
            f"The batch has {size} entries; it must have 1 to {MAX_EDITS}.",
            fix="Send them in several batches." if size else "Send at least one.",
            context={"size": size, "largest": MAX_EDITS},
        )


def settled(
    edits: Sequence[Edit], before: Mapping[str, Entry], rule: Rule[Entry]
) -> tuple[tuple[Entry, ...], tuple[Settled, ...]]:
    """The entries to write, and what became of each edit, in their order; a later edit finds what an earlier one left.

    Args:
        edits: What is said.
        before: The entries there are, by id.
        rule: What an edit makes of an entry.
    """
    now, written, fates = dict(before), dict[str, Entry](), list[Settled]()
    for edit in edits:
        try:
            entry, fate = rule(edit, now.get(edit.subject))
        except TacitError as error:
            fates.append(error)
            continue
        fates.append(fate)
        if fate != "unchanged":
            now[edit.subject] = written[edit.subject] = entry
    return tuple(written.values()), tuple(fates)


def put_item(is_known: Callable[[str], bool], now_ms: int) -> Rule[ItemEntry]:
    """The rule that makes an edit all that is said of an item; `is_known` tells whether an import brought it."""

    def rule(edit: Edit, before: ItemEntry | None) -> tuple[ItemEntry, Fate]:
        entry = replace(edit.over(ItemEntry(edit.subject)), updated_at_ms=now_ms)
        if not _is_listed(before, edit.subject, is_known):
            return entry, "created"
        return entry, _fate(entry, before)

    return rule


def patch_item(is_known: Callable[[str], bool], now_ms: int) -> Rule[ItemEntry]:
    """The rule that changes what an edit names; an item that nobody knows is not brought by it (`item_unknown`)."""

    def rule(edit: Edit, before: ItemEntry | None) -> tuple[ItemEntry, Fate]:
        if not _is_listed(before, edit.subject, is_known):
            raise item_unknown()
        entry = replace(edit.over(before or ItemEntry(edit.subject)), updated_at_ms=now_ms)
        return entry, _fate(entry, before)

    return rule


def remove_item(is_known: Callable[[str], bool], now_ms: int) -> Rule[ItemEntry]:
    """The rule that takes an item out of the catalogue, whoever brought it (`item_unknown` if nobody did)."""

    def rule(edit: Edit, before: ItemEntry | None) -> tuple[ItemEntry, Fate]:
        if not _is_listed(before, edit.subject, is_known):
            raise item_unknown()
        return ItemEntry(edit.subject, deleted=True, updated_at_ms=now_ms), "deleted"

    return rule


def put_user(is_known: Callable[[str], bool], now_ms: int) -> Rule[UserEntry]:
    """The rule that makes an edit all that is said of a user."""

    def rule(edit: Edit, before: UserEntry | None) -> tuple[UserEntry, Fate]:
        entry = replace(edit.over(UserEntry(edit.subject)), updated_at_ms=now_ms)
        return entry, "created" if before is None and not is_known(edit.subject) else _fate(entry, before)

    return rule


def patch_user(is_known: Callable[[str], bool], now_ms: int, *, may_create: bool = False) -> Rule[UserEntry]:
    """The rule that changes what an edit names; unless it may, it brings no user that nobody knows (`user_unknown`)."""

    def rule(edit: Edit, before: UserEntry | None) -> tuple[UserEntry, Fate]:
        is_new = before is None and not is_known(edit.subject)
        if is_new and not may_create:
            raise user_unknown()
        entry = replace(edit.over(before or UserEntry(edit.subject)), updated_at_ms=now_ms)
        return entry, "created" if is_new else _fate(entry, before)

    return rule


def item_unknown() -> NotFound:
    """That the catalogue has no such item."""
    fix = "PUT brings an item; GET /api/v1/items?query=… finds some by the beginning of their title."
    return NotFound("item_unknown", "No item has this id.", field="item_id", fix=fix)


def user_unknown() -> NotFound:
    """That nobody knows such a user."""
    return NotFound("user_unknown", "No user has this id.", field="user_id", fix="PUT brings a user.")


def _edit(raw: object, readers: Mapping[str, tuple[str, fields.Read]], *, kind: str, subject: str | None) -> Edit:
    if subject is not None:
        return Edit(subject, fields.read_fields(raw, readers, of=kind))
    name = f"{kind}_id"
    if not isinstance(raw, Mapping):
        raise wrong_type(raw, kind, "an object")
    if name not in raw:
        raise BadInput("field_missing", f"The {kind} has no {name}.", field=name, fix="Send it.")
    own = checked_id(raw[name], name)
    said = fields.read_fields(raw, {name: (name, lambda _: own), **readers}, of=kind)
    return Edit(own, {key: value for key, value in said.items() if key != name})


def _is_listed(entry: ItemEntry | None, item_id: str, is_known: Callable[[str], bool]) -> bool:
    return is_known(item_id) if entry is None else not entry.deleted


def _fate(entry: Entry, before: Entry | None) -> Fate:
    is_same = before is not None and replace(entry, updated_at_ms=before.updated_at_ms) == before
    return "unchanged" if is_same else "changed"
