"""Covers drawn from titles, and the colours they and the text are set in."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files

import pytest

from tacit.entrypoints.storefront.covers import MOTIFS, PALETTES, Shape, draw_cover

SHEET = (files("tacit.entrypoints.storefront") / "static" / "storefront.css").read_text("utf-8")
TITLES = [f"Artist {number}" for number in range(600)]
TEXT_ON = [
    ("ink", "paper"), ("ink", "sheet"), ("ink", "tint"), ("soft", "paper"), ("soft", "sheet"), ("soft", "tint"),
    ("accent", "paper"), ("accent", "sheet"), ("accent", "tint"), ("on-accent", "accent"), ("on-warm", "warm"),
    ("paper", "ink"),
]  # fmt: skip


def colours(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0]))
    return light if scheme == "light" else light | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[1]))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_title_always_has_the_same_cover_and_others_have_other_ones() -> None:
    covers = {title: draw_cover(title) for title in TITLES}

    assert covers == {title: draw_cover(title) for title in TITLES}
    assert len(set(covers.values())) > 0.97 * len(TITLES)


def test_every_palette_is_used_and_known_to_the_style_sheet() -> None:
    used = {draw_cover(title).palette for title in TITLES}

    assert used == set(range(PALETTES))
    assert {int(number) for number in re.findall(r"\.palette-(\d+) \{", SHEET)} == used


@pytest.mark.parametrize("title", ["", "a", "\ud800", "<script>", "😀" * 5_000])
def test_any_title_has_a_cover(title: str) -> None:
    assert draw_cover(title).turns in range(4)


@pytest.mark.parametrize("motif", MOTIFS, ids=lambda motif: motif.__name__.strip("_"))
@pytest.mark.parametrize("byte", [0, 85, 128, 255])
def test_a_motif_is_drawn_from_any_seed_in_few_shapes_and_known_inks(
    motif: Callable[[bytes], tuple[Shape, ...]], byte: int
) -> None:
    shapes = motif(bytes([byte]) * 13)

    assert len(shapes) <= 16
    assert {shape.ink for shape in shapes} <= {0, 1, 2, 3}
    assert all(re.fullmatch(r"M[-\d. Mmahvlz]+", shape.outline) for shape in shapes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_stands_out_from_its_ground_in_both_schemes(scheme: str, text: str, ground: str) -> None:
    palette = colours(scheme)

    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "sheet"])
def test_the_edge_of_a_field_stands_out_from_both_sides(scheme: str, ground: str) -> None:
    palette = colours(scheme)

    assert contrast(palette["edge"], palette[ground]) >= 3
