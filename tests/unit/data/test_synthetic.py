"""The invented listening community: the same bytes for the same seed, labelled, and worth learning from."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest

from tacit.data import synthetic
from tacit.data.readers import detect
from tacit.data.synthetic_names import FIRST_WORDS, LAST_WORDS
from tacit.errors import BadInput


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.generate(tmp_path_factory.mktemp("community"))


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (
        contents(synthetic.generate(tmp_path / name, seed=seed, users=50, items=120, artists_per_user=10))
        for name, seed in (("first", 7), ("again", 7), ("other", 8))
    )

    assert first == again
    assert first["plays.tsv"] != other["plays.tsv"]


def test_the_default_community_is_there_within_five_seconds(tmp_path: Path) -> None:
    began = time.process_time()

    synthetic.generate(tmp_path)

    assert time.process_time() - began < 5


def test_it_has_the_size_that_was_asked_for(community: Path) -> None:
    plays = rows(community / "plays.tsv")

    assert len({row[0] for row in plays}) == 2_000
    assert len(rows(community / "artists.tsv")) == 1_500
    assert len(plays) / 2_000 == pytest.approx(60, rel=0.05)
    assert min(Counter(row[0] for row in plays).values()) >= 5


def test_nobody_has_two_rows_for_one_artist_and_every_artist_is_described(community: Path) -> None:
    pairs = [(row[0], row[1]) for row in rows(community / "plays.tsv")]

    assert len(pairs) == len(set(pairs))
    assert {artist for _, artist in pairs} <= {row[0] for row in rows(community / "artists.tsv")}


def test_few_artists_have_most_of_the_listeners_and_few_rows_most_of_the_plays(community: Path) -> None:
    plays = rows(community / "plays.tsv")
    listeners = sorted(Counter(row[1] for row in plays).values(), reverse=True)
    counts = sorted((int(row[2]) for row in plays), reverse=True)

    assert sum(listeners[:150]) > 0.25 * sum(listeners)
    assert sum(counts[: len(counts) // 20]) > 0.35 * sum(counts)
    assert counts[-1] >= 1


def test_times_spread_over_two_years_that_are_past(community: Path) -> None:
    times = [int(row[3]) for row in rows(community / "plays.tsv")]

    assert max(times) < synthetic.ENDS_AT
    assert 0.95 * synthetic.SPAN_SECONDS < max(times) - min(times) < synthetic.SPAN_SECONDS


def test_some_artists_appear_only_in_the_second_year(community: Path) -> None:
    middle = synthetic.ENDS_AT - synthetic.SPAN_SECONDS // 2
    plays = rows(community / "plays.tsv")
    early = {row[1] for row in plays if int(row[3]) < middle}
    late = {row[1] for row in plays if int(row[3]) >= middle}

    assert 0.08 < len(late - early) / len(late) < 0.16


def test_people_keep_to_their_genres(community: Path) -> None:
    genre_of = {row[0]: row[2].split("|")[0] for row in rows(community / "artists.tsv")}
    genres_by_user: dict[str, Counter[str]] = {}
    for user, artist, *_ in rows(community / "plays.tsv"):
        genres_by_user.setdefault(user, Counter())[genre_of[artist]] += 1
    favourite = [max(genres.values()) / genres.total() for genres in genres_by_user.values()]

    assert sum(favourite) / len(favourite) > 0.4  # twelve genres: 0.08 if taste meant nothing


def test_it_is_labelled_synthetic_wherever_it_is_shown(community: Path) -> None:
    reader = detect(community)
    with reader.open(community) as found:
        catalog = found.catalog or ()

    assert reader.dataset(community) == "synthetic-listening"
    assert len(catalog) == 1_500
    assert all("synthetic" in item.tags for item in catalog)
    assert "invented" in (community / "README.txt").read_text()


def test_every_artist_has_a_name_of_its_own_made_of_listed_words(community: Path) -> None:
    titles = [row[1] for row in rows(community / "artists.tsv")]
    listed = {*FIRST_WORDS, *LAST_WORDS, "The", "Ensemble", "Club"}

    assert len(set(titles)) == len(titles)
    assert {word for title in titles for word in title.split()} <= listed


def test_names_do_not_run_out(tmp_path: Path) -> None:
    items = len(FIRST_WORDS) * len(LAST_WORDS) + 200
    folder = synthetic.generate(tmp_path, users=10, items=items, artists_per_user=5)
    titles = [row[1] for row in rows(folder / "artists.tsv")]

    assert len(set(titles)) == items
    assert sum(bool(re.search(r" 2$", title)) for title in titles) == 200


def test_all_genres_and_moods_are_in_use(community: Path) -> None:
    categories = {category for row in rows(community / "artists.tsv") for category in row[2].split("|")}

    assert categories == {*synthetic.GENRES, *synthetic.MOODS}


@pytest.mark.parametrize(("field", "size"), [("users", 9), ("items", 99), ("artists_per_user", 4)])
def test_a_community_too_small_to_learn_from_is_refused(tmp_path: Path, field: str, size: int) -> None:
    with pytest.raises(BadInput) as caught:
        synthetic.generate(tmp_path, **{field: size})  # type: ignore[arg-type]

    assert (caught.value.code, caught.value.field) == ("community_too_small", field)
    assert list(tmp_path.iterdir()) == []
