"""Every setting in words, for the reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr

from tacit.settings import Settings


def described_fields(model: type[BaseModel] = Settings, prefix: str = "") -> Iterable[tuple[str, str, str, str]]:
    """Every setting as `(key, type, default, description)`, in the order of the tree: what the reference is made of."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from described_fields(field.annotation, f"{prefix}{name}.")
            continue
        yield f"{prefix}{name}", _kind(field.annotation), _shown(field.default), _one_line(field.description)


def _kind(annotation: Any) -> str:
    """A type as a person writes its values: `int`, `auto | time | hash`."""
    if hasattr(annotation, "__metadata__"):  # what a value must be like says nothing of its type
        annotation = annotation.__origin__
    choices = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in choices)
    if get_origin(annotation) is tuple:
        return f"list of {_kind(choices[0])}"
    if choices:
        return " | ".join(_kind(choice) for choice in choices if choice is not type(None))
    return "secret" if annotation is SecretStr else str(annotation.__name__).lower()


def _shown(default: object) -> str:
    return "unset" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
