"""The readers on the published data sets themselves: every row counted by plain Python, every catalogue looked into."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tacit.adapters.history import ParquetHistory
from tacit.data import synthetic
from tacit.data.catalog import Item
from tacit.data.imports import ImportReport, Limits, TableSpec
from tacit.data.readers import READERS, Opened, detect
from tacit.data.readers.tags import GENRES, MOODS


@dataclass(frozen=True)
class Published:
    """What is known of a data set: rows per table, distinct users and items, described items."""

    reader: str
    rows: tuple[int, ...]
    users: int
    items: int
    catalog: int | None
    pairs: int


PUBLISHED = {
    "hetrec2011-lastfm-2k": Published("hetrec2011-lastfm-2k", (92_834,), 1_892, 17_632, 17_632, 92_834),
    "ml-latest-small": Published("movielens", (100_836,), 610, 9_724, 9_742, 100_836),
    "coco-courses": Published("coco-courses", (92_403, 67_261), 24_036, 8_166, 8_196, 159_664),
    "gowalla": Published("benchmark", (810_128, 217_242), 29_858, 40_981, 40_981, 1_027_370),
    "amazon-cds": Published("benchmark", (604_475, 172_951), 43_169, 35_648, None, 777_426),
    "ml-1m-ultragcn": Published("benchmark", (796_244, 99_455), 6_022, 3_043, None, 895_699),
    "jodie-wikipedia": Published("jodie-wikipedia", (157_474,), 8_227, 1_000, None, 18_257),
}


HALF_A_MILLION_ROWS_OR_MORE = ("gowalla", "amazon-cds", "ml-1m-ultragcn")
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in HALF_A_MILLION_ROWS_OR_MORE else name for name in PUBLISHED
]


@pytest.fixture(scope="module")
def opened(shared_data: Path) -> Iterator[dict[str, Opened]]:
    """Every data set, held open by the reader that recognises it."""
    with ExitStack() as stack:
        folders = {name: shared_data / name for name in PUBLISHED}
        yield {name: stack.enter_context(detect(folder).open(folder)) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> ParquetHistory:
    return ParquetHistory(tmp_path_factory.mktemp("history"))


class Reports(dict[str, ImportReport]):
    """What importing each data set reported; it is imported when somebody first asks."""

    def __init__(self, history: ParquetHistory, opened: dict[str, Opened]) -> None:
        super().__init__()
        self._history, self._opened = history, opened

    def __missing__(self, name: str) -> ImportReport:
        found = self._opened[name]
        self[name] = self._history.load(found.source, found.items, dataset=name, limits=Limits())
        return self[name]


@pytest.fixture(scope="module")
def reports(history: ParquetHistory, opened: dict[str, Opened]) -> Reports:
    return Reports(history, opened)


def pairs_of(path: Path, spec: TableSpec) -> Iterator[tuple[str, str]]:
    """User and item of every row, read in the plainest way that the description of the table allows."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        if spec.layout == "baskets":
            for line in file:
                user, *items = line.split()
                yield from ((user, item) for item in items)
            return
        quoting = csv.QUOTE_MINIMAL if spec.quoted else csv.QUOTE_NONE
        rows = csv.reader(file, delimiter=spec.delimiter or ",", quoting=quoting)
        header = next(rows) if spec.header else [str(number) for number in range(100)]
        user, item = header.index(spec.user), header.index(spec.item)
        yield from ((row[user], row[item]) for row in rows)


def catalog_of(opened: dict[str, Opened], name: str) -> dict[str, Item]:
    return {item.item_id: item for item in opened[name].catalog or ()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_data_set_is_recognised_under_its_own_name(shared_data: Path, name: str) -> None:
    reader = detect(shared_data / name)

    assert reader.name == PUBLISHED[name].reader
    assert reader.dataset(shared_data / name) == name


@pytest.mark.parametrize("name", NAMES)
def test_every_row_user_and_item_of_a_published_data_set_is_found(opened: dict[str, Opened], name: str) -> None:
    published = PUBLISHED[name]
    pairs = [list(pairs_of(path, spec)) for path, spec in opened[name].source.tables]
    distinct = {pair for table in pairs for pair in table}

    assert tuple(len(table) for table in pairs) == published.rows
    assert len({user for user, _ in distinct}) == published.users
    assert len({item for _, item in distinct}) == published.items
    assert len(distinct) == published.pairs


@pytest.mark.parametrize("name", NAMES)
def test_every_item_somebody_met_is_described_where_there_is_a_catalogue(opened: dict[str, Opened], name: str) -> None:
    catalog = opened[name].catalog
    met = {item for path, spec in opened[name].source.tables for _, item in pairs_of(path, spec)}

    assert (None if catalog is None else len(catalog)) == PUBLISHED[name].catalog
    assert catalog is None or met <= {item.item_id for item in catalog}


def test_no_folder_of_another_kind_is_taken_for_a_data_set(shared_data: Path) -> None:
    assert [reader.name for reader in READERS if reader.recognises(shared_data / "trashnet")] == []


def test_hetrec_artists_have_names_tags_genres_and_moods(opened: dict[str, Opened]) -> None:
    items = catalog_of(opened, "hetrec2011-lastfm-2k")
    categories = Counter(category for item in items.values() for category in item.categories)

    assert items["51"].title == "Duran Duran"
    assert items["51"].tags[:2] == ("80s", "new wave")
    assert set(categories) == {*GENRES, *MOODS}
    assert min(categories.values()) >= 100
    assert max(len(item.tags) for item in items.values()) == 10
    assert sum(bool(item.categories) for item in items.values()) > 10_000


def test_hetrec_says_how_many_tagged_artists_it_does_not_know(opened: dict[str, Opened]) -> None:
    assert opened["hetrec2011-lastfm-2k"].source.catalog_skipped == {"artist_unknown": 390}


def test_hetrec_text_is_read_in_the_encoding_of_each_file(opened: dict[str, Opened]) -> None:
    text = " ".join(f"{item.title} {' '.join(item.tags)}" for item in opened["hetrec2011-lastfm-2k"].catalog or ())

    assert "Björk" in text
    assert 'Weird Al" Yankovic' in text.replace("“", '"')
    assert "Ã©" not in " ".join(tag for item in opened["hetrec2011-lastfm-2k"].catalog or () for tag in item.tags)


def test_movies_have_titles_genres_and_tags(opened: dict[str, Opened]) -> None:
    items = catalog_of(opened, "ml-latest-small")

    assert items["1"].title == "Toy Story (1995)"
    assert items["1"].categories == ("Adventure", "Animation", "Children", "Comedy", "Fantasy")
    assert items["1"].tags[0] == "pixar"
    assert sum(not item.categories for item in items.values()) == 34


def test_courses_have_two_categories_a_level_and_a_language(opened: dict[str, Opened]) -> None:
    items = catalog_of(opened, "coco-courses")
    kinds = Counter(tag.split(":")[0] for item in items.values() for tag in item.tags if ":" in tag[:9])

    assert items["497736"].title == "Social psychology"
    assert items["497736"].categories == ("Academics", "Social science")
    assert len({category for item in items.values() for category in item.categories}) == 145  # 146 and no "other"
    assert 8_100 < kinds["level"] <= 8_196
    assert 8_100 < kinds["language"] <= 8_196


def test_no_row_of_the_catalogues_but_the_known_ones_is_left_out(opened: dict[str, Opened]) -> None:
    skipped = {name: dict(found.source.catalog_skipped) for name, found in opened.items()}

    assert {name: counts for name, counts in skipped.items() if counts} == {
        "hetrec2011-lastfm-2k": {"artist_unknown": 390}
    }


@pytest.mark.parametrize("name", NAMES)
def test_importing_a_published_data_set_accounts_for_every_row(reports: Reports, name: str) -> None:
    report, published = reports[name], PUBLISHED[name]

    assert (report.read, report.accepted, report.quarantined) == (sum(published.rows), published.pairs, {})
    assert report.merged == sum(published.rows) - published.pairs
    assert report.balances
    assert (report.users, report.items) == (published.users, published.items)


@pytest.mark.parametrize("name", NAMES)
def test_the_imported_interactions_have_the_publishers_split(
    history: ParquetHistory, reports: Reports, name: str
) -> None:
    folds = Counter(history.interactions(reports[name].dataset).folds.tolist())
    published = PUBLISHED[name]

    assert folds == (
        {1: published.rows[0], 2: published.rows[1]} if published.reader == "benchmark" else {0: published.pairs}
    )


def test_a_catalogue_is_imported_with_an_account_of_its_own(history: ParquetHistory, reports: Reports) -> None:
    account = reports["hetrec2011-lastfm-2k"].catalog
    titles = {item.item_id: item.title for item in history.items("hetrec2011-lastfm-2k")}

    assert account == {"read": 18_022, "accepted": 17_632, "merged": 0, "quarantined": {"artist_unknown": 390}}
    assert titles["51"] == "Duran Duran"


def test_play_counts_survive_the_import_exactly(history: ParquetHistory, reports: Reports) -> None:
    values = history.interactions(reports["hetrec2011-lastfm-2k"].dataset).values

    assert int(values.astype("float64").sum()) == 69_183_975
    assert (values.min(), values.max()) == (1, 352_698)


def test_the_edits_of_a_page_add_up(history: ParquetHistory, reports: Reports) -> None:
    edits = history.interactions(reports["jodie-wikipedia"].dataset)

    assert reports["jodie-wikipedia"].merged == 139_217
    assert int(edits.values.sum()) == 157_474
    assert int(edits.last_at_ms.max()) == 2_678_373_000


def test_times_of_courses_and_movies_are_those_the_publishers_name(history: ParquetHistory, reports: Reports) -> None:
    def years(name: str) -> list[int]:
        times = history.interactions(reports[name].dataset).last_at_ms
        return [datetime.fromtimestamp(int(at) / 1000, UTC).year for at in (times.min(), times.max())]

    assert years("coco-courses") == [2013, 2017]
    assert years("ml-latest-small") == [1996, 2018]


def test_the_synthetic_community_goes_through_the_same_import(history: ParquetHistory, tmp_path: Path) -> None:
    folder = synthetic.generate(tmp_path, users=100, items=200, artists_per_user=20)
    reader = detect(folder)
    with reader.open(folder) as found:
        report = history.load(found.source, found.items, dataset=reader.dataset(folder), limits=Limits())

    assert report.dataset == "synthetic-listening"
    assert (report.users, report.merged, report.quarantined) == (100, 0, {})
    assert report.catalog == {"read": 200, "accepted": 200, "merged": 0, "quarantined": {}}


def test_an_artist_without_musicbrainz_id_is_imported_under_its_name(history: ParquetHistory, tmp_path: Path) -> None:
    lines = ["u1\tmbid-1\tAn Artist\t5", "u1\t\tNo Id\t3", "u2\t\tNo Id\t2", "u2\tmbid-1\tAn Artist\t0", "u2\t\t\t4"]
    (tmp_path / "usersha1-artmbid-artname-plays.tsv").write_text("\n".join(lines * 20) + "\n")
    reader = detect(tmp_path)
    with reader.open(tmp_path) as found:
        limits = Limits(bad_row_budget=0.5)
        report = history.load(found.source, found.items, dataset=reader.dataset(tmp_path), limits=limits)

    assert report.quarantined == {"value_range": 20, "item_missing": 20}
    assert {item.item_id: item.title for item in history.items("lastfm-360k")} == {
        "mbid-1": "An Artist",
        "name:No Id": "No Id",
    }
