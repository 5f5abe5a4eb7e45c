"""A recommender version on disk: plain arrays and tables, memory-mapped, checked before use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tacit.data.catalog import item_table, items_of
from tacit.errors import Refused
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.voices import Kind, Voice
from tacit.registry.arrays import array_header

FORMAT = 2
READABLE = (1, FORMAT)
"""Format 1 knows no second voice."""

POPULAR_DEPTH = 1_000
"""How many items of each category are kept in order of popularity."""

_ARRAYS = {
    "user_factors.npy": ("user_factors", np.float32, 2),
    "item_factors.npy": ("item_factors", np.float32, 2),
    "history_indptr.npy": ("indptr", np.int64, 1),
    "history_items.npy": ("indices", np.int32, 1),
    "history_values.npy": ("values", np.float32, 1),
    "item_listeners.npy": ("listeners", np.int64, 1),
}


_VOICE_ARRAYS = {"voice_indptr.npy": "indptr", "voice_items.npy": "indices", "voice_values.npy": "data"}
_NEAREST = "item_nearest.npy"
"""Versions without it find what is like an item by searching."""
_COVARIANCE = "item_covariance.npy"
"""Of the item factors: quickly read, but long to work out where there are many."""


def save(model: RecommenderModel, folder: Path) -> None:
    """Write a model's files; every one is a `.npy` array, an Arrow table or JSON."""
    for name, (attribute, kind, _) in _ARRAYS.items():
        np.save(folder / name, np.ascontiguousarray(getattr(model, attribute), dtype=kind), allow_pickle=False)
    if model.nearest is not None:
        np.save(folder / _NEAREST, np.ascontiguousarray(model.nearest, np.int32), allow_pickle=False)
    _write_table(folder / "user_index.arrow", pa.table({"user_id": pa.array(list(model.user_ids), pa.string())}))
    _write_table(folder / "item_index.arrow", item_table(model.items))
    _write_table(folder / "popular.arrow", _popular_table(model.popular))
    settings = {
        "format": FORMAT,
        "confidence": asdict(model.confidence) | {"cap": _finite_or_none(model.confidence.cap)},
        "regularization": model.regularization,
        "frequency_exponent": model.frequency_exponent,
        "blend": None if model.blend is None else _saved_blend(model.blend, folder),
        "nearest": model.nearest is not None,
    }
    (folder / "recommender.json").write_text(json.dumps(settings, sort_keys=True, indent=1) + "\n")


def load(folder: Path, engine: Engine) -> RecommenderModel:
    """Read a model whose files were verified, arrays memory-mapped.

    Args:
        folder: Where the files are.
        engine: What shall run the model's algebra.

    Raises:
        Refused: `model_invalid` if the parts contradict each other or hold values that are not finite.
    """
    arrays = {attribute: _array(folder / name, kind, rank) for name, (attribute, kind, rank) in _ARRAYS.items()}
    settings = _settings(folder / "recommender.json")
    blend = settings.get("blend")
    try:
        model = RecommenderModel(
            user_ids=_read_table(folder / "user_index.arrow")["user_id"].to_pylist(),
            items=items_of(_read_table(folder / "item_index.arrow")),
            popular=_popular(_read_table(folder / "popular.arrow")),
            confidence=_confidence(settings["confidence"]),
            regularization=float(settings["regularization"]),
            frequency_exponent=float(settings["frequency_exponent"]),
            engine=engine,
            blend=None if blend is None else _loaded_blend(blend, folder, arrays["item_factors"]),
            nearest=_array(folder / _NEAREST, np.int32, 2) if settings.get("nearest") is True else None,
            **arrays,
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise _invalid(
            "The model", f"lacks a part or has one of the wrong kind: {ascii(str(problem))[:64]}"
        ) from problem
    check(model)
    return model


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise _invalid(path.name, "is not JSON that can be read") from problem
    found = settings.get("format") if isinstance(settings, dict) else None
    if found not in READABLE:
        raise _invalid(path.name, f"has format {ascii(found)[:64]}; this program reads {FORMAT}")
    return dict(settings)


def _saved_blend(blend: Blend, folder: Path) -> dict[str, Any]:
    for name, attribute in _VOICE_ARRAYS.items():
        np.save(folder / name, getattr(blend.voice.similarity, attribute), allow_pickle=False)
    np.save(folder / _COVARIANCE, blend.covariance, allow_pickle=False)
    return {"voice": blend.voice.kind, "parameters": dict(blend.voice.parameters), "weight": blend.weight}


def _loaded_blend(written: Mapping[str, Any], folder: Path, item_factors: NDArray[np.float32]) -> Blend:
    kinds = (np.int64, np.int32, np.float32)
    arrays = {
        attribute: _array(folder / name, kind, 1)
        for (name, attribute), kind in zip(_VOICE_ARRAYS.items(), kinds, strict=True)
    }
    n_items, kind, parameters = len(item_factors), written["voice"], dict(written["parameters"])
    if kind not in get_args(Kind):
        raise _invalid("The second voice", f"is of a kind that is not known here: {ascii(kind)[:64]}")
    covariance = _array(folder / _COVARIANCE, np.float64, 2)
    if covariance.shape != (item_factors.shape[1],) * 2 or not np.isfinite(np.sum(covariance)):
        raise _invalid(_COVARIANCE, "is not finite, or not of the factors' length")
    try:
        similarity = Matrix.of(SimpleNamespace(shape=(n_items, n_items), format="csr", **arrays))
        return Blend(Voice(kind, similarity, parameters), float(written["weight"]), covariance)
    except Refused as problem:
        raise _invalid("The second voice", f"cannot be used: {problem.detail}"[:200].rstrip(".")) from problem


def _confidence(written: Mapping[str, Any]) -> Confidence:
    cap = written["cap"]
    return Confidence(**{**written, "cap": float("inf") if cap is None else cap})


def check(model: RecommenderModel) -> None:
    """Refuse a model that would answer nonsense: wrong shapes, duplicate ids, positions out of range, NaN.

    Raises:
        Refused: `model_invalid`, naming the part and what is wrong with it.
    """
    n_users, n_items, rows = len(model.user_ids), len(model.item_factors), len(model.indices)
    shapes = {
        "user_factors": (model.user_factors.shape, (n_users, model.item_factors.shape[1])),
        "history_indptr": (model.indptr.shape, (n_users + 1,)),
        "history_values": (model.values.shape, (rows,)),
        "item_listeners": (model.listeners.shape, (len(model.items),)),
    }
    for part, (found, wanted) in shapes.items():
        if found != wanted:
            raise _invalid(part, f"has shape {found}; the other files need {wanted}")
    if n_items > len(model.items):
        raise _invalid("item_factors", f"has {n_items} rows for {len(model.items)} items")
    if len(model.user_rows) != n_users or len(model.item_rows) != len(model.items):
        raise _invalid("user_index or item_index", "names something twice")
    if model.indptr[0] != 0 or model.indptr[-1] != rows or np.any(np.diff(model.indptr) < 0):
        raise _invalid("history_indptr", "does not rise from 0 to the number of rows")
    _check_range("history_items", model.indices, len(model.items))
    for ranked in model.popular.values():
        _check_range("popular", ranked, len(model.items))
    if model.nearest is not None:
        if len(model.nearest) > n_items:
            raise _invalid("item_nearest", f"has {len(model.nearest)} rows for {n_items} items with factors")
        _check_range("item_nearest", model.nearest, n_items)
    for part in ("user_factors", "item_factors", "values"):
        if not np.isfinite(np.sum(getattr(model, part), dtype=np.float64)):
            raise _invalid(part, "holds a value that is not finite")
    if n_items and not np.any(model.item_factors):
        raise _invalid("item_factors", "is zero everywhere")


def _check_range(part: str, positions: NDArray[np.int32], stop: int) -> None:
    if positions.size and (positions.min() < 0 or positions.max() >= stop):
        raise _invalid(part, f"holds a position outside 0…{stop - 1}")


def _invalid(part: str, problem: str) -> Refused:
    return Refused("model_invalid", f"{part} {problem}.", field=part, fix="Train or fetch the version anew.")


def _array(path: Path, kind: Any, rank: int) -> NDArray[Any]:
    array_header(path)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype != kind or array.ndim != rank:
        raise _invalid(path.name, f"is {array.dtype} of rank {array.ndim}, not {np.dtype(kind)} of rank {rank}")
    return np.asarray(array)


def _write_table(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read_table(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    except (pa.ArrowInvalid, OSError) as problem:
        raise _invalid(path.name, "is not an Arrow file that can be read") from problem


def _popular_table(popular: Mapping[str, NDArray[np.int32]]) -> pa.Table:
    return pa.table(
        {
            "category": pa.array(_repeated(popular), pa.string()),
            "item": pa.array(np.concatenate([*popular.values(), np.empty(0, np.int32)]), pa.int32()),
        }
    )


def _repeated(popular: Mapping[str, NDArray[np.int32]]) -> Iterable[str]:
    return [category for category, ranked in popular.items() for _ in ranked]


def _popular(table: pa.Table) -> dict[str, NDArray[np.int32]]:
    items = table["item"].to_numpy()
    ranked: dict[str, list[int]] = {}
    for category, item in zip(table["category"].to_pylist(), items.tolist(), strict=True):
        ranked.setdefault(category, []).append(item)
    return {category: np.array(positions, np.int32) for category, positions in ranked.items()}


def _finite_or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
