"""A zip file nobody vouches for: only what is wanted comes out, and nothing it says can reach beyond its folder."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from tacit.data.readers import detect
from tacit.data.readers.archives import extracted
from tacit.errors import BadInput

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.0,964982703\n"
MOVIES = "movieId,title,genres\n10,Toy (1995),Comedy\n"
WANTED = ("ratings.csv", "movies.csv")


def archive(path: Path, members: dict[str, str], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as content:
        for name, text in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = options.get("mode", 0) << 16
            content.writestr(entry, text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught, extracted(path, WANTED):
        pass
    return caught.value.code


def test_wanted_members_are_there_while_the_archive_is_open_and_gone_afterwards(tmp_path: Path) -> None:
    path = archive(tmp_path / "ml-x.zip", {"ml-x/ratings.csv": RATINGS, "ml-x/movies.csv": MOVIES, "ml-x/evil.so": "?"})
    with extracted(path, WANTED) as folder:
        found = {file.name: file.read_text() for file in folder.iterdir()}

    assert found == {"ratings.csv": RATINGS, "movies.csv": MOVIES}
    assert not folder.exists()


def test_a_movielens_zip_is_recognised_by_its_content_or_in_its_folder(tmp_path: Path) -> None:
    path = archive(tmp_path / "ml-25m.zip", {"ml-25m/ratings.csv": RATINGS, "ml-25m/movies.csv": MOVIES})
    renamed = archive(tmp_path / "films.zip", {"ratings.csv": RATINGS, "movies.csv": MOVIES})

    assert [detect(place).name for place in (path, renamed, tmp_path)] == ["movielens"] * 3
    assert [detect(place).dataset(place) for place in (path, renamed, tmp_path)] == ["ml-25m", "movielens", "ml-25m"]


def test_a_movielens_zip_gives_tables_that_last_as_long_as_it_is_open(tmp_path: Path) -> None:
    path = archive(tmp_path / "ml-x.zip", {"ml-x/ratings.csv": RATINGS, "ml-x/movies.csv": MOVIES})
    with detect(path).open(path) as found:
        [(table, _)] = found.source.tables
        content = table.read_text()

    assert content == RATINGS
    assert not table.exists()
    assert found.catalog is not None
    assert found.catalog[0].title == "Toy (1995)"


@pytest.mark.parametrize(
    "name", ["../ratings.csv", "ml/../../ratings.csv", "/etc/ratings.csv", "ml\\ratings.csv", "C:x"]
)
def test_an_entry_that_points_outside_its_folder_condemns_the_archive(tmp_path: Path, name: str) -> None:
    assert refusal(archive(tmp_path / "a.zip", {"ml/movies.csv": MOVIES, name: "x"})) == "archive_entry_unsafe"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_an_entry_that_is_a_link_or_a_device_condemns_the_archive(tmp_path: Path, kind: int) -> None:
    path = archive(tmp_path / "a.zip", {"ml/ratings.csv": "/etc/passwd"}, mode=kind | 0o644)

    assert refusal(path) == "archive_entry_unsafe"


def test_an_archive_that_lists_a_multitude_is_refused_unread(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"ml/{number}.csv": "" for number in range(3_000)})

    assert refusal(path) == "archive_entry_unsafe"


def test_the_same_file_twice_is_refused_rather_than_chosen_from(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"ml/ratings.csv": RATINGS, "other/ratings.csv": "x"})

    assert refusal(path) == "archive_entry_unsafe"


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"ml/ratings.csv": "0" * 50_000_000})

    assert refusal(path) == "archive_too_large"


@pytest.mark.parametrize("kept_share", [0.0, 0.5, 0.99])
def test_a_zip_that_was_cut_off_is_refused_wherever_it_ends(tmp_path: Path, kept_share: float) -> None:
    whole = archive(tmp_path / "ml-x.zip", {"ml-x/ratings.csv": RATINGS * 50, "ml-x/movies.csv": MOVIES}).read_bytes()
    path = tmp_path / "ml-cut.zip"
    path.write_bytes(whole[: int(len(whole) * kept_share)])

    with pytest.raises(BadInput) as caught, detect(path).open(path):
        pass

    assert caught.value.code == "archive_corrupt"


def test_a_flipped_byte_in_a_member_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"ml/ratings.csv": RATINGS * 50})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)

    assert refusal(path) == "archive_corrupt"
