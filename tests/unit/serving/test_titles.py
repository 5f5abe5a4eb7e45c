"""Items are found by how their title, or a word in it, begins."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.serving.titles import TitleIndex, folded

TITLES = ("The Beatles", "Beat Happening", "Sigur Rós", "AC/DC", "Röyksopp", "beatsteaks", "Duran Duran", "Łona")
LISTENERS = np.array([900, 10, 50, 70, 40, 30, 20, 5])


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    return TitleIndex(TITLES, LISTENERS)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("beat", ["beatsteaks", "Beat Happening", "The Beatles"]),
        ("BEATL", ["The Beatles"]),
        ("sigur ros", ["Sigur Rós"]),
        ("rós", ["Sigur Rós"]),
        ("royk", ["Röyksopp"]),
        ("lona", ["Łona"]),
        ("dc", ["AC/DC"]),
        ("the  beatles ", ["The Beatles"]),
        ("duran", ["Duran Duran"]),
        ("eatles", []),
        ("%", []),
    ],
)
def test_titles_that_start_so_come_before_titles_with_a_word_that_does(
    index: TitleIndex, prefix: str, found: list[str]
) -> None:
    assert [TITLES[item] for item in index.search(prefix, 10)] == found


def test_an_empty_prefix_lists_what_is_most_popular(index: TitleIndex) -> None:
    assert [TITLES[item] for item in index.search(" ", 3)] == ["The Beatles", "AC/DC", "Sigur Rós"]


def test_no_more_are_found_than_are_asked_for(index: TitleIndex) -> None:
    assert [len(index.search("beat", limit)) for limit in (1, 2, 3)] == [1, 2, 3]


def test_a_search_looks_at_its_matches_and_not_at_every_title() -> None:
    looked_at = []

    class Counted(str):
        def __lt__(self, other: object) -> bool:
            looked_at.append(self)
            return str.__lt__(self, str(other))

    index = TitleIndex([f"title {number:06}" for number in range(20_000)], np.ones(20_000, np.int64))
    for texts in (index._whole.texts, index._words.texts):
        texts[:] = [Counted(text) for text in texts]  # type: ignore[index]
    index.search("title 01234", 5)

    assert 0 < len(looked_at) < 100


def test_folding_twice_changes_nothing_more() -> None:
    assert [folded(folded(title)) for title in TITLES] == [folded(title) for title in TITLES]
