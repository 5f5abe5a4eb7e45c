"""The example profiles and deployment files are what they say."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from tacit.bootstrap import build, load_settings
from tacit.data.synthetic import generate

ROOT = Path(__file__).parents[2]
PROFILES = sorted((ROOT / "examples").glob("*/*.toml"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_profile_loads_and_trains(profile: Path, tmp_path: Path) -> None:
    plays = generate(tmp_path / "plays", users=120, items=120, artists_per_user=15)
    flags = {"home": tmp_path / "home", "als.iterations": 2}
    with build(load_settings(config=profile, flags=flags, environ={})) as app:
        app.import_data("auto", plays, actor="test")
        candidate = app.train(actor="test")

    assert candidate.version.number == 1


@pytest.mark.parametrize(("name", "factors"), [("tacit", 125), ("accuracy", 150)])
def test_the_music_profile_is_the_reference_configuration(name: str, factors: int) -> None:
    als = load_settings(config=ROOT / "examples" / "music" / f"{name}.toml", environ={}).settings.als

    assert (als.factors, als.iterations, als.alpha, als.regularization) == (factors, 25, 40.0, 0.01)
    assert (als.curve, als.frequency_exponent) == ("plain", 0.0)


def test_the_unit_file_starts_a_command_that_exists_and_writes_nowhere_but_its_home() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "systemd" / "tacit.service")
    service = unit["Service"]

    assert service["ExecStart"].endswith("/tacit serve")
    assert service["ProtectSystem"] == "strict"
    assert f"/var/lib/{service['StateDirectory']}" in service["Environment"]


def test_the_image_installs_against_hashes_and_does_not_run_as_root() -> None:
    lines = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()

    assert lines.count("--require-hashes") == 2
    assert "\nUSER tacit\n" in lines
    assert lines.count("\nFROM ") == 3
