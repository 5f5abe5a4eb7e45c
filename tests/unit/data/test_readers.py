"""The named readers on made-up lines in the publishers' own formats."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pytest

from tacit.data.catalog import Item
from tacit.data.readers import READERS, Opened, detect, reader_named
from tacit.data.readers.movielens import read_title
from tacit.data.readers.tags import GENRES, MOODS, music_categories, plain, ranked
from tacit.errors import BadInput

HETREC = {
    "user_artists.dat": "userID\tartistID\tweight\r\n2\t51\t13883\r\n",
    "artists.dat": 'id\tname\turl\tpictureURL\n51\tThe "Quoted" Ones\thttp://a\thttp://b\n52\tBjörk\thttp://c\t\n',
    "tags.dat": "tagID\ttagValue\r\n1\tsynth-pop\r\n2\tcafé\r\n3\tonce\r\n4\tparty\r\n5\tlonely vote\r\n",
    "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\r\n"
    + "".join(f"{user}\t51\t{tag}\t1\t4\t1956\r\n" for tag, users in ((1, 3), (4, 2), (2, 2)) for user in range(users))
    + "9\t51\t3\t1\t4\t2009\r\n9\t51\t5\t1\t4\t2009\r\n9\t999\t1\t1\t4\t2009\r\n9\t51\t77\t1\t4\t2009\r\n",
}
MOVIELENS = {
    "ratings.csv": "userId,movieId,rating,timestamp\r\n1,10,4.0,964982703\r\n",
    "movies.csv": 'movieId,title,genres\r\n10,"Postman, The (1994)",Comedy|Drama\r\n'
    "11,Untold (2001),(no genres listed)\r\n",
    "tags.csv": "userId,movieId,tag,timestamp\r\n2,10,Funny,1445714994\r\n3,10,funny,1445714995\r\n"
    "3,10,mail,1445714996\r\n",
}
COCO = {
    "valid.txt": "7\t900\t1\t1506072964\n",
    "test.txt": "7\t901\t1\t1506746761\n",
    "i2kg_map.txt": "eid\tpid\tname\tentity\n0\t900\tsocial-psychology\t900\n1\t901\tlearn-to-draw\t901\n",
    "e_map.txt": "eid\tname\tentity\n0\t900\t900\n1\t901\t901\n2\tit-and-software\tx\n3\tother\tx\n4\tesperto\tx\n"
    "5\tenglish\tx\n6\tWordPress\tx\n7\tTeaching professionals\tx\n",
    "kg_final.txt": "entity_head\trelation\tentity_tail\n"
    "0\t0\t2\n0\t0\t3\n0\t1\t6\n0\t2\t4\n0\t3\t5\n0\t4\t7\n1\t0\t99\n",
    "r_map.txt": "id\tkb_relation\tname\n0\ta\tbelong_to_category\n1\tb\trelated_to_concept\n2\tc\ttaught_in_level\n"
    "3\td\ttaught_in_language\n4\te\thas_target_audience\n",
}
BENCHMARK = {"train.txt": "0 1 2 3\n1 2\n", "test.txt": "0 4\n1 1 3\n"}
LASTFM_360K = {"usersha1-artmbid-artname-plays.tsv": "00000c28\t\tBetty Blowtorch\t2137\n"}
JODIE = {"wikipedia.tsv": "0\t0\t0\t0.000\n1\t1\t1\t36.000\n"}
LISTENING = {
    "plays.tsv": "user_id\tartist_id\tplays\tlast_played_at\n1\ta1\t3\t1700000000\n",
    "artists.tsv": "artist_id\tname\tcategories\ttags\na1\tThe Slow Tides\tRock|Chill\trock|chill|synthetic\n",
}
FORMATS = {
    "hetrec2011-lastfm-2k": HETREC,
    "movielens": MOVIELENS,
    "coco-courses": COCO,
    "lastfm-360k": LASTFM_360K,
    "jodie-wikipedia": JODIE,
    "synthetic-listening": LISTENING,
    "benchmark": BENCHMARK,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("latin-1" if name == "tags.dat" else "utf-8"))
    return folder


def compress(folder: Path, suffix: str) -> Path:
    for path in list(folder.iterdir()):
        content = path.read_bytes()
        packed = gzip.compress(content) if suffix == ".gz" else pa.compress(content, codec="zstd", asbytes=True)
        path.with_name(path.name + suffix).write_bytes(packed)
        path.unlink()
    return folder


def read(folder: Path) -> Opened:
    with detect(folder).open(folder) as found:
        return found


def by_id(found: Opened) -> dict[str, Item]:
    return {item.item_id: item for item in found.catalog or ()}


def test_every_reader_has_its_formats_sample_here() -> None:
    assert {reader.name for reader in READERS} == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_folder_is_recognised_and_read_plain_or_compressed(tmp_path: Path, name: str, suffix: str) -> None:
    folder = write(tmp_path, FORMATS[name])
    plain_items = read(folder).catalog
    if suffix:
        compress(folder, suffix)

    assert detect(folder).name == name
    assert read(folder).source.reader == name
    assert read(folder).catalog == plain_items


@pytest.mark.parametrize("name", FORMATS)
def test_no_reader_claims_another_ones_files_before_their_own(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, FORMATS[name])

    assert [reader.name for reader in READERS if reader.recognises(folder)] == [name]


@pytest.mark.parametrize("name", ["lastfm-360k", "jodie-wikipedia"])
def test_a_single_file_may_be_given_itself(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, FORMATS[name])
    file = next(folder.iterdir())
    with detect(file).open(file) as found:
        tables = found.source.tables

    assert [path for path, _ in tables] == [file]


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    reader = reader_named(name, tmp_path)

    with pytest.raises(BadInput) as caught, reader.open(tmp_path):
        pass

    assert caught.value.code == "file_missing"
    assert caught.value.field in FORMATS[name]


def test_an_unknown_folder_is_told_what_every_reader_looks_for(tmp_path: Path) -> None:
    (tmp_path / "songs.xls").write_bytes(b"?")

    with pytest.raises(BadInput) as caught:
        detect(tmp_path)

    assert caught.value.code == "reader_unknown"
    assert all(reader.looks_for in caught.value.detail for reader in READERS)


def test_a_path_where_nothing_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        detect(tmp_path / "nothing\x1b[31m")

    assert caught.value.code == "file_unreadable"
    assert "\x1b" not in caught.value.detail


def test_a_reader_answers_to_its_name_and_all_its_aliases(tmp_path: Path) -> None:
    names = {reader.name: (reader.name, *reader.aliases) for reader in READERS}
    flat = [name for called in names.values() for name in called]

    assert len(flat) == len(set(flat))
    assert all(reader_named(name, tmp_path).name == real for real, called in names.items() for name in called)


def test_a_misspelt_reader_is_told_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        reader_named("movielense", tmp_path)

    assert caught.value.fix == "Did you mean movielens?"


def test_auto_means_whatever_recognises_the_files(tmp_path: Path) -> None:
    assert reader_named("auto", write(tmp_path, JODIE)).name == "jodie-wikipedia"


def test_hetrec_names_keep_their_quotation_marks_and_tags_their_accents(tmp_path: Path) -> None:
    artist = by_id(read(write(tmp_path, HETREC)))["51"]

    assert artist.title == 'The "Quoted" Ones'
    assert artist.tags == ("synth-pop", "café", "party")


def test_hetrec_artists_have_genres_then_moods_from_the_tags_of_several_people(tmp_path: Path) -> None:
    items = by_id(read(write(tmp_path, HETREC)))

    assert items["51"].categories == ("Electronic", "Party")
    assert items["52"] == Item("52", "Björk")


def test_an_artist_without_a_name_is_called_by_its_id(tmp_path: Path) -> None:
    found = read(write(tmp_path, {**HETREC, "artists.dat": "id\tname\turl\tpictureURL\n51\t\ta\tb\n"}))

    assert by_id(found)["51"].title == "51"


def test_hetrec_counts_what_its_catalogue_cannot_use(tmp_path: Path) -> None:
    files = {**HETREC, "artists.dat": HETREC["artists.dat"] + "53\ttoo\tfew\n"}

    skipped = read(write(tmp_path, files)).source.catalog_skipped

    assert skipped == {"artist_unknown": 1, "tag_unknown": 1, "columns": 1}


def test_a_catalogue_row_that_is_no_text_is_counted_and_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, HETREC)
    (folder / "artists.dat").write_bytes(b"id\tname\turl\tpictureURL\n51\tBj\xf6rk\ta\tb\n52\tOther\ta\tb\n")

    found = read(folder)

    assert list(by_id(found)) == ["52"]
    assert found.source.catalog_skipped["encoding"] == 1


def test_a_catalogue_without_its_columns_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {**HETREC, "artists.dat": "id\ttitle\n51\tX\n"})

    with pytest.raises(BadInput) as caught:
        read(folder)

    assert (caught.value.code, caught.value.field) == ("column_missing", "name")


def test_a_catalogue_that_was_cut_off_while_copied_is_refused(tmp_path: Path) -> None:
    folder = compress(write(tmp_path, HETREC), ".gz")
    artists = folder / "artists.dat.gz"
    artists.write_bytes(artists.read_bytes()[:-12])

    with pytest.raises(BadInput) as caught:
        read(folder)

    assert caught.value.code == "compressed_truncated"


def test_a_catalogue_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    folder = write(tmp_path, {**HETREC, "artists.dat": "id\tname\turl\tpictureURL\n" + "x" * 6_000_000})

    with pytest.raises(BadInput) as caught:
        read(folder)

    assert caught.value.code == "line_too_long"


def test_movies_have_their_genres_and_the_tags_people_share(tmp_path: Path) -> None:
    items = by_id(read(write(tmp_path, MOVIELENS)))

    assert items["10"] == Item("10", "The Postman (1994)", ("Comedy", "Drama"), ("funny", "mail"))
    assert items["11"].categories == ()


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("Matrix, The (1999)", "The Matrix (1999)"),
        ("Enfer, L' (1994)", "L'Enfer (1994)"),
        ("City of Lost Children, The (Cité des enfants perdus, La) (1995)",
         "The City of Lost Children (La Cité des enfants perdus) (1995)"),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly (1966)"),
        ("Eat, Pray, Love (2010)", "Eat, Pray, Love (2010)"),
        ("Play It Again, Sam (1972)", "Play It Again, Sam (1972)"),
    ],
)  # fmt: skip
def test_a_movie_is_called_as_people_call_it(kept: str, said: str) -> None:
    assert read_title(kept) == said


def test_every_rating_is_an_interaction_and_the_last_one_counts(tmp_path: Path) -> None:
    [(_, ratings)] = read(write(tmp_path, MOVIELENS)).source.tables

    assert (ratings.value, ratings.time, ratings.merge) == ("rating", "timestamp", "last")


def test_a_broken_quote_in_the_movies_costs_rows_and_not_the_import(tmp_path: Path) -> None:
    movies = MOVIELENS["movies.csv"] + '12,"Half" quoted,Drama\r\n13,Whole (1999),Drama\r\n'
    found = read(write(tmp_path, {**MOVIELENS, "movies.csv": movies}))

    assert found.source.catalog_skipped == {"quote": 1}
    assert "13" in by_id(found)


def test_movies_without_a_tags_file_are_read_all_the_same(tmp_path: Path) -> None:
    files = {name: text for name, text in MOVIELENS.items() if name != "tags.csv"}

    assert by_id(read(write(tmp_path, files)))["10"].tags == ()


def test_courses_have_readable_names_categories_level_and_language(tmp_path: Path) -> None:
    items = by_id(read(write(tmp_path, COCO)))

    assert items["900"] == Item(
        "900", "Social psychology", ("IT and software",), ("level:expert", "language:english", "WordPress")
    )


def test_course_facts_about_nothing_known_are_counted(tmp_path: Path) -> None:
    assert read(write(tmp_path, COCO)).source.catalog_skipped == {"entity_unknown": 1}


def test_courses_take_the_whole_history_that_is_there_in_order(tmp_path: Path) -> None:
    folder = write(tmp_path, {**COCO, "train.txt": "7\t900\t1\t1400000000\n"})

    assert [path.name for path, _ in read(folder).source.tables] == ["train.txt", "valid.txt", "test.txt"]


def test_benchmark_splits_stay_apart_and_are_named_after_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Gowalla v1"
    folder.mkdir()
    found = read(write(folder, BENCHMARK))

    assert [(path.name, spec.fold, spec.layout) for path, spec in found.source.tables] == [
        ("train.txt", 1, "baskets"),
        ("test.txt", 2, "baskets"),
    ]
    assert detect(folder).dataset(folder) == "gowalla-v1"
    assert found.items is None


def test_benchmark_items_are_titled_by_their_original_ids_where_these_are_known(tmp_path: Path) -> None:
    found = read(write(tmp_path, {**BENCHMARK, "item_list.txt": "org_id remap_id\n8975 0\n9190 1\n"}))

    assert by_id(found) == {"0": Item("0", "8975"), "1": Item("1", "9190")}


def test_an_artist_of_lastfm_360k_without_id_goes_by_name(tmp_path: Path) -> None:
    [(_, plays)] = read(write(tmp_path, LASTFM_360K)).source.tables

    assert (plays.user, plays.item, plays.item_or, plays.title, plays.value) == ("0", "1", "2", "2", "3")
    assert plays.header is False
    assert plays.quoted is False


def test_the_twelve_moods_can_be_told_from_tags() -> None:
    assert len(MOODS) == 12
    assert all(music_categories([(tags.split(", ")[0], 1)])[-1:] != () for tags in MOODS.values())


def test_the_tables_of_genres_and_moods_are_written_as_tags_are_compared() -> None:
    tags = [tag for table in (GENRES, MOODS) for listed in table.values() for tag in listed.split(", ")]

    assert [tag for tag in tags if tag != plain(tag)] == []


def test_a_tag_of_one_person_counts_only_among_the_first_three() -> None:
    assert ranked({"rock": 5, "c": 1, "b": 1, "a": 1}) == [("rock", 5), ("a", 1), ("b", 1)]
    assert len(ranked({f"tag{number}": 2 for number in range(30)})) == 10


def test_hip_hop_is_one_genre_however_it_is_written() -> None:
    assert music_categories([("Hip-Hop", 3), ("hip hop", 2)]) == ("Hip-hop",)


def test_what_a_reader_found_can_be_read_more_than_once(tmp_path: Path) -> None:
    items = read(write(tmp_path, MOVIELENS)).items

    assert items is not None
    assert list(items()) == list(items())


def test_a_reader_says_in_one_line_what_it_reads() -> None:
    assert [reader.name for reader in READERS if not re.fullmatch(r"[^\n]{20,118}\.", reader.summary)] == []
