"""The compiled kernels, as `src/native` exports them.  Arrays are C-contiguous; shapes are checked, values trusted."""

import builtins

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

# module.cpp
def available() -> list[str]: ...
def built_from() -> str: ...
def has_openmp() -> bool: ...
def isa() -> str: ...
def use_isa(name: str) -> None: ...

# training.cpp
BLOCK_ROWS: int

def gram(factors: F32, scale: float, threads: int) -> tuple[F64, float]: ...
def rotate(factors: F32, basis: F32, threads: int) -> None: ...
def transpose(
    indptr: I64, indices: I32, data: F32, out_indptr: I64, out_indices: I32, out_data: F32, threads: int
) -> None: ...
def solve_rows(
    rotated: F32,
    spectrum: F32,
    scale: float,
    indptr: I64,
    indices: I32,
    data: F32,
    ridge: F32,
    out: F32,
    first: int,
    threads: int,
) -> None: ...
def solve_row(rotated: F32, basis: F32, spectrum: F32, scale: float, items: I32, weights: F32, ridge: float) -> F32: ...

class FixedRows:
    def __init__(self, factors: F32, basis: F32, spectrum: F32, scale: float, halved: bool) -> None: ...
    def drop_half(self) -> None: ...
    def turn(self, penalty: float, first: int, last: int, ridge: F32, threads: int) -> tuple[float, float]: ...
    def step(
        self,
        loss: float,
        solved: F32,
        indptr: I64,
        indices: I32,
        data: F32,
        ridge: F32,
        first: int,
        last: int,
        steps: int,
        relaxation: float,
        exact: bool,
        threads: int,
    ) -> float: ...

# sums.cpp
class HalfRows:
    def __init__(self, factors: F32, scale: float, threads: int) -> None: ...
    def sums(self, indptr: I64, indices: I32, data: F32, out: F32, first: int, threads: int) -> None: ...

# retrieval.cpp: wrong shapes, ranges and values raise ValueError, wrong types TypeError
class ItemFilter:
    @property
    def allowed(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

class ItemIndex:
    def __init__(self, factors: F32, threads: int, coarse_from: int) -> None: ...
    @property
    def memory_bytes(self) -> int: ...
    def filter(self, mask: NDArray[np.bool_]) -> ItemFilter: ...
    def prepared(self, only: ItemFilter) -> bool: ...
    def products(self, query: F32, positions: I32) -> F32: ...
    def search(
        self,
        query: F32,
        count: int,
        excluded: I32 | None,
        only: object | None,
        bonus_items: I32 | None,
        bonus_scores: F32 | None,
    ) -> tuple[I32, F32, int, int]: ...
    def search_many(
        self,
        queries: F32,
        counts: I32,
        first: int,
        last: int,
        excluded_starts: I64 | None,
        excluded_items: I32 | None,
        only: ItemFilter | None,
        bonus_starts: I64 | None,
        bonus_items: I32 | None,
        bonus_scores: F32 | None,
        found: I32,
        scores: F32,
        threads: int,
    ) -> tuple[int, int]: ...

# neighbours.cpp
def product_work(indptr: I64, indices: I32, right_indptr: I64) -> I64: ...
def neighbours(
    user_indptr: I64,
    user_items: I32,
    item_indptr: I64,
    item_users: I32,
    user_weights: F32,
    source_scales: F32,
    target_scales: F32,
    width: int,
    first: int,
    last: int,
    threads: int,
    counts: I64,
    items: I32,
    scores: F32,
    filled: int,
) -> int: ...
def product(
    left_indptr: I64,
    left_indices: I32,
    left_data: F32,
    right_indptr: I64,
    right_indices: I32,
    right_data: F32,
    columns: int,
    first: int,
    last: int,
    threads: int,
) -> tuple[I64, I32, F32]: ...

# explaining.cpp: wrong shapes, ranges and weights raise ValueError, wrong types TypeError
def shares(rotated: F32, diagonal: F64, items: I32, weights: F32, wanted: F32, explaining: int) -> F32: ...

class Explainer:
    def __init__(self, rotated: F32, diagonal: F64, items: I32, weights: F32, explaining: int) -> None: ...
    @property
    def memory_bytes(self) -> int: ...
    def strongest(self, targets: I64, most: int, least: float) -> tuple[I32, F32] | None: ...

def strongest(contributions: F32, most: int, least: float) -> tuple[I32, F32]: ...
def entries(indptr: I64, indices: I32, data: F32, rows: I32, columns: I32) -> F32: ...

# event_lines.cpp: the keys of `id_keys`, and lines; what no line can hold raises ValueError, TypeError or OverflowError
def event_keys(ids: list[str]) -> list[int]: ...

class EventLines:
    def __init__(
        self,
        ids: list[str],
        users: list[str],
        items: list[str],
        types: list[str],
        values: list[float | None],
        times: list[int],
        links: list[str | None],
        properties: list[str],
        timed: list[bool],
    ) -> None: ...
    def __len__(self) -> int: ...
    def bytes(self) -> int: ...
    def keys(self) -> list[int]: ...
    def line(self, nth: int) -> tuple[builtins.bytes, int]: ...
    def pieces(self, first: int, seed: int, most_bytes: int) -> list[tuple[int, int, builtins.bytes]]: ...

# plain_events.cpp
PlainColumns = tuple[
    list[str], list[str], list[str], list[str], list[float | None], list[int], list[str | None], list[bool]
]

def plain_events(
    body: bytes,
    is_lines: bool,
    types: list[tuple[str, int, float, float, bool]],
    now_ms: int,
    oldest_ms: int,
    latest_ms: int,
    most: int,
) -> PlainColumns | None: ...

# item_texts.cpp: wrong shapes and positions raise ValueError, wrong types TypeError
class ItemTexts:
    def __init__(self, ids: list[str], titles: list[str], categories: list[tuple[str, ...]]) -> None: ...
    def __len__(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    def question(
        self, body: bytes, most: int, most_explained: int
    ) -> tuple[I32, tuple[str, ...], bool, int, int] | None: ...
    @staticmethod
    def ranked(positions: I32, scores: F32, ids: tuple[str, ...]) -> tuple[I32, F32, tuple[str, ...]] | None: ...
    def written(
        self,
        positions: I32,
        scores: F32,
        reasons: I32,
        shares: F32,
        said: dict[int, tuple[builtins.bytes, builtins.bytes]] | None,
    ) -> builtins.bytes | None: ...
