"""Every way to fail has an answer at every door, and the drawing of the tree is the tree."""

from __future__ import annotations

import importlib
import inspect
from importlib.util import find_spec

import pytest

from tacit import errors

TABLES = (("tacit.entrypoints.api.errors", "STATUS"), ("tacit.entrypoints.cli.exits", "EXIT_CODES"))


def leaves(kind: type[Exception]) -> list[type[Exception]]:
    """The kinds below one that have none below themselves."""
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


def door_table(module: str, name: str) -> dict[type[Exception], int]:
    parents = [module.rsplit(".", depth)[0] for depth in (2, 1)]
    if not all(find_spec(part) for part in parents) or find_spec(module) is None:
        pytest.skip(f"there is no {module} yet")
    table: dict[type[Exception], int] = getattr(importlib.import_module(module), name)
    return table


@pytest.mark.parametrize(("module", "name"), TABLES)
def test_every_leaf_of_the_error_tree_has_an_answer_at_the_door(module: str, name: str) -> None:
    answers = door_table(module, name)

    unanswered = [leaf for leaf in leaves(errors.TacitError) if not any(kind in answers for kind in leaf.__mro__[:-3])]

    assert unanswered == []


@pytest.mark.parametrize(("module", "name"), TABLES)
def test_no_two_kinds_of_error_share_an_answer_with_success(module: str, name: str) -> None:
    answers = door_table(module, name)

    assert [kind for kind, answer in answers.items() if answer in {0, 200}] == []


def test_the_drawing_of_the_error_tree_is_the_tree() -> None:
    drawn = {line.split("── ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line}

    defined = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.TacitError)
    }
    assert drawn == defined - {"TacitError"}


def test_every_error_of_the_platform_hangs_in_the_tree_by_its_next_move() -> None:
    kinds = {errors.BadInput, errors.NotFound, errors.Refused, errors.Unavailable, errors.Misconfigured}

    assert set(errors.TacitError.__subclasses__()) == kinds
    assert set(errors.Refused.__subclasses__()) == {errors.Unauthenticated, errors.Forbidden}
    assert set(errors.Unavailable.__subclasses__()) == {errors.Limited}
