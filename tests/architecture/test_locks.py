"""The locks pin and hash every package, name no address, and satisfy what the project asks for."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.guards.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
FOLDER = ROOT / "requirements"


def _spelled_out(asked: list[str]) -> list[str]:
    """What an extra asks for, with the extras of our own that it names replaced by what those ask for."""
    ours = [Requirement(one) for one in asked if Requirement(one).name == PROJECT["project"]["name"]]
    others = [one for one in asked if Requirement(one).name != PROJECT["project"]["name"]]
    return others + [inner for own in ours for extra in own.extras for inner in _spelled_out(EXTRAS[extra])]


WANTED = {
    "core": CORE,
    "build": PROJECT["build-system"]["requires"],
    "installer": ["uv"],
    **{extra: [*CORE, *_spelled_out(asked)] for extra, asked in EXTRAS.items()},
}
ADDRESS = re.compile(r"://|file:|--(index-url|extra-index-url|find-links|trusted-host)|@ |(^|\s)/\w", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock: the requirement it states and how many files it allows."""

    requirement: Requirement
    hashes: int

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        found = re.fullmatch(r"==([^,*]+)", str(self.requirement.specifier))
        return found[1] if found else ""


def pins(text: str) -> list[Pin]:
    """The entries of a lock, continued lines joined and comments left out."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [
        Pin(Requirement(line.split("--hash")[0].strip()), len(HASH.findall(line))) for line in lines if line.strip()
    ]


def loose_pins(text: str) -> list[str]:
    """Entries that leave the version or the content open."""
    return [str(pin.requirement) for pin in pins(text) if not pin.version or not pin.hashes]


def unsatisfied(text: str, asked: list[str]) -> list[str]:
    """What the project asks for and a lock does not hold in a version that will do."""
    locked: dict[str, list[str]] = {}
    for pin in pins(text):
        locked.setdefault(pin.name, []).append(pin.version)
    wanted = {str(one): (canonicalize_name(one.name), one.specifier) for one in map(Requirement, asked)}
    return [
        text
        for text, (name, allowed) in wanted.items()
        if name not in locked or not all(allowed.contains(version, prereleases=True) for version in locked[name])
    ]


def read(name: str) -> str:
    return (FOLDER / f"{name}.lock").read_text("utf-8")


def test_there_is_one_lock_for_each_set_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.lock")} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_every_package_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    assert len(pins(read(name))) >= 1
    assert loose_pins(read(name)) == []


@pytest.mark.parametrize("name", WANTED)
def test_no_lock_names_an_address(name: str) -> None:
    assert ADDRESS.findall(read(name)) == []


@pytest.mark.parametrize(("name", "asked"), WANTED.items())
def test_every_lock_satisfies_what_the_project_asks_for(name: str, asked: list[str]) -> None:
    assert unsatisfied(read(name), asked) == [], "run tools/lock.sh"


def test_the_sets_share_one_version_of_each_package() -> None:
    sets: dict[str, list[set[str]]] = {}
    for locked in (pins(read(name)) for name in WANTED):
        for package in {pin.name for pin in locked}:
            sets.setdefault(package, []).append({pin.version for pin in locked if pin.name == package})

    assert {package: found for package, found in sets.items() if any(versions != found[0] for versions in found)} == {}


def test_nothing_heavy_entered_the_core() -> None:
    heavy = {"torch", "mlflow", "mlflow-skinny", "pyspark", "pandas", "scikit-learn", "numba", "llvmlite", "polars"}

    assert heavy & {pin.name for pin in pins(read("core"))} == set()


@pytest.mark.parametrize(
    "text",
    [
        "rich==15.0.0\n",
        f"rich>=15 --hash=sha256:{'0' * 64}\n",
        f"rich==15.* --hash=sha256:{'0' * 64}\n",
        "rich==15 --hash=md5:00\n",
    ],
)
def test_a_package_without_a_pin_or_a_hash_is_found(text: str) -> None:
    assert len(loose_pins(text)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://mirror.example/simple",
        "--find-links wheels",
        "rich @ file:///wheels/rich.whl",
        "    # from /opt/wheels",
    ],
)
def test_an_address_in_a_lock_is_found(line: str) -> None:
    assert ADDRESS.search(f"rich==15.0.0\n{line}\n")


def test_a_package_that_is_missing_or_too_old_is_found() -> None:
    text = f"rich==13.0.0 \\\n    --hash=sha256:{'0' * 64}\n    # via tacit\n"

    assert unsatisfied(text, ["rich>=14", "numpy"]) == ["rich>=14", "numpy"]
    assert unsatisfied(text, ["Rich>=13"]) == []


def test_locks_are_written_by_one_script_that_keeps_addresses_out() -> None:
    script = (Path(ROOT) / "tools" / "lock.sh").read_text("utf-8")

    assert {"--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"} <= set(script.split())
