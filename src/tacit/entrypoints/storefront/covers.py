"""Covers for items that have no picture: a few flat shapes, drawn from the title and always the same for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

PALETTES = 10
"""How many palettes the style sheet knows (`.palette-0` and on), each a ground and three inks."""

SIZE = 120
"""Width and height of a cover, in its own units."""

_CELL = SIZE // 3
_HALF = SIZE // 2


@dataclass(frozen=True, slots=True)
class Shape:
    """One flat shape.

    Attributes:
        outline: An SVG path.
        ink: Which of the palette's three inks fills it, from 1.
    """

    outline: str
    ink: int


@dataclass(frozen=True, slots=True)
class Cover:
    """A cover, ready to be drawn.

    Attributes:
        palette: Number of the palette.
        turns: Quarter turns of the whole drawing.
        shapes: What is on the ground, from back to front.
    """

    palette: int
    turns: int
    shapes: tuple[Shape, ...]


def draw_cover(title: str) -> Cover:
    """The cover of a title; a matter of the title alone, so that it is the same on every page and every machine."""
    seed = blake2b(title.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    motif = MOTIFS[seed[0] % len(MOTIFS)]
    return Cover(palette=seed[1] % PALETTES, turns=seed[2] % 4, shapes=motif(seed[3:]))


def _disc(x: float, y: float, radius: float) -> str:
    half = f"a{radius:g} {radius:g} 0 1 0"
    return f"M{x - radius:g} {y:g}{half} {2 * radius:g} 0{half} {-2 * radius:g} 0z"


def _box(x: float, y: float, *, width: float, height: float) -> str:
    return f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}z"


def _quarter(x: float, y: float, *, size: float, corner: int) -> str:
    """A quarter of a disc that fills a square, its centre in one of the square's corners."""
    begin, along = (
        ((x, y), f"h{size:g}a{size:g} {size:g} 0 0 1 {-size:g} {size:g}z"),
        ((x + size, y), f"v{size:g}a{size:g} {size:g} 0 0 1 {-size:g} {-size:g}z"),
        ((x + size, y + size), f"h{-size:g}a{size:g} {size:g} 0 0 1 {size:g} {-size:g}z"),
        ((x, y + size), f"v{-size:g}a{size:g} {size:g} 0 0 1 {size:g} {size:g}z"),
    )[corner]
    return f"M{begin[0]:g} {begin[1]:g}{along}"


def _ink(byte: int) -> int:
    return 1 + byte % 3


def _quarters(seed: bytes) -> tuple[Shape, ...]:
    """Nine squares, most of them with a quarter of a disc."""
    squares = ((byte, (at % 3) * _CELL, (at // 3) * _CELL) for at, byte in enumerate(seed[:9]))
    return tuple(
        Shape(_quarter(x, y, size=_CELL, corner=byte % 4), _ink(byte >> 2)) for byte, x, y in squares if byte >> 5
    )


def _record(seed: bytes) -> tuple[Shape, ...]:
    """Rings around a point at the edge."""
    x, inks = (0, _HALF, SIZE)[seed[0] % 3], (_ink(seed[1]), 0, _ink(seed[2]), 0, _ink(seed[3]))
    return tuple(Shape(_disc(x, SIZE, 104 - 21 * at), ink) for at, ink in enumerate(inks))


def _horizon(seed: bytes) -> tuple[Shape, ...]:
    """A disc over bands that grow towards the edge."""
    sun = Shape(_disc(32 + seed[0] % 56, 44, 20 + seed[1] % 12), _ink(seed[2]))
    first = _ink(seed[3])
    bands = ((72, 6), (84, 10), (100, 20))
    return (
        sun,
        *(Shape(_box(0, y, width=SIZE, height=height), _ink(first + at)) for at, (y, height) in enumerate(bands)),
    )


def _domes(seed: bytes) -> tuple[Shape, ...]:
    """Half discs stacked in two columns."""
    dome = "a30 30 0 0 1 60 0z"
    places = ((column * _HALF, 30 * row + 30) for column in (0, 1) for row in range(4))
    return tuple(Shape(f"M{x} {y}{dome}", _ink(byte)) for byte, (x, y) in zip(seed, places, strict=False) if byte % 5)


def _dots(seed: bytes) -> tuple[Shape, ...]:
    """Sixteen dots in three sizes."""
    places = ((15 + 30 * column, 15 + 30 * row) for row in range(4) for column in range(4))
    sizes = (4, 8, 13)
    return tuple(
        Shape(_disc(x, y, sizes[(seed[at % len(seed)] >> (at % 5)) % 3]), _ink(seed[(at * 5 + 1) % len(seed)]))
        for at, (x, y) in enumerate(places)
    )


def _sails(seed: bytes) -> tuple[Shape, ...]:
    """Triangles in four squares."""
    squares = ((seed[at], (at % 2) * _HALF, (at // 2) * _HALF) for at in range(4))
    halves = ("h60v60z", "v60h60z", "h60l-60 60z", "m60 0v60h-60z")
    return tuple(Shape(f"M{x} {y}{halves[byte % 4]}", _ink(byte >> 2)) for byte, x, y in squares)


def _moons(seed: bytes) -> tuple[Shape, ...]:
    """A large disc with a bite taken out, and a small one."""
    x, bite = 46 + seed[0] % 28, 14 + seed[1] % 22
    return (
        Shape(_disc(x, _HALF, 42), _ink(seed[2])),
        Shape(_disc(x + bite, _HALF - bite / 2, 34), 0),
        Shape(_disc(x + bite, _HALF - bite / 2, 10 + seed[3] % 8), _ink(seed[4])),
    )


def _bars(seed: bytes) -> tuple[Shape, ...]:
    """Columns of different heights, as of an instrument that shows loudness."""
    return tuple(
        Shape(_box(10 + 21 * at, SIZE - height, width=15, height=height), _ink(byte))
        for at, byte in enumerate(seed[:5])
        for height in (28 + byte % 76,)
    )


MOTIFS: tuple[Callable[[bytes], tuple[Shape, ...]], ...] = (
    _quarters, _record, _horizon, _domes, _dots, _sails, _moons, _bars,
)  # fmt: skip
