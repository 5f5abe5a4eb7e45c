"""The settings in force: what each is, where it came from, and what it is for; a secret is never shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from tacit.bootstrap import Settings, SettingsInForce
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown

SETTINGS = f"{ROOT}/settings"
_TOP = "general"


@dataclass(frozen=True)
class Line:
    """One setting.

    Attributes:
        key: Its dotted name.
        value: What is in force, as a text.
        source: Where that came from: `default`, `flag`, a variable, or a file.
        said: What it is for.
        is_chosen: Whether somebody chose it.
    """

    key: str
    value: str
    source: str
    said: str
    is_chosen: bool


@dataclass(frozen=True)
class Group:
    """The settings of one group."""

    name: str
    lines: tuple[Line, ...]


def settings_routes(frame: ConsolePages, in_force: SettingsInForce) -> APIRouter:
    """The page over what is in force."""
    groups = groups_of(in_force)
    router = frame.router()

    def settings(request: Request, show: str = "all", q: str = "") -> Response:
        found = chosen_of(groups, only_chosen=show == "chosen", asked=q)
        count = sum(line.is_chosen for group in groups for line in group.lines)
        return frame.page(
            request,
            "settings.html",
            here="settings",
            groups_shown=found,
            show="chosen" if show == "chosen" else "all",
            shows=[("all", SETTINGS), ("chosen", f"{SETTINGS}?show=chosen")],
            asked=q[:100],
            count=count,
        )

    shown(router, "/settings", settings)
    return router


def groups_of(in_force: SettingsInForce) -> tuple[Group, ...]:
    """Every setting by its group, in the order of the tree; what stands in no group comes first."""
    said = dict(_said(Settings, ""))
    found: dict[str, list[Line]] = {_TOP: []}
    for origin in in_force.origins:
        group = origin.key.rpartition(".")[0] or _TOP
        is_chosen = origin.source != "default"
        line = Line(origin.key, _text(origin.value), origin.source, said.get(origin.key, ""), is_chosen)
        found.setdefault(group, []).append(line)
    return tuple(Group(name, tuple(lines)) for name, lines in found.items())


def chosen_of(groups: Sequence[Group], *, only_chosen: bool, asked: str) -> list[Group]:
    """The groups with those of their settings that are asked for; without the groups of which none is."""
    words = asked.lower().split()

    def fits(line: Line) -> bool:
        text = f"{line.key} {line.value} {line.said}".lower()
        return (line.is_chosen or not only_chosen) and all(word in text for word in words)

    found = [Group(group.name, tuple(filter(fits, group.lines))) for group in groups]
    return [group for group in found if group.lines]


def _text(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(str(each) for each in value) or "none"
    return str(value)


def _said(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """What each setting is for, by its dotted name."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", (field.description or "").strip()
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _said(kind, f"{prefix}{name}.")
