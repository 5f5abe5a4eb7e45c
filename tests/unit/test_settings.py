"""Settings: where a value comes from, who wins, and that nothing misspelt or impossible starts anything."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import Misconfigured
from tacit.security.secrets import address_shown
from tacit.settings import SettingsInForce, known_keys, load_settings
from tools.described_settings import described_fields


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tacit.toml"
    path.write_text("port = 8100\nhost = 'localhost'\n[als]\nfactors = 96\n")
    return path


def loaded(config: Path | None = None, flags: dict[str, object] | None = None, **environ: str) -> SettingsInForce:
    return load_settings(flags=flags, config=config or Path("/dev/null"), environ=environ)


def refusal(config: Path | None = None, flags: dict[str, object] | None = None, **environ: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        loaded(config, flags, **environ)
    return caught.value


@pytest.mark.requirement("CACHE-003", "CACHE-007")
def test_lists_are_fresh_for_five_minutes_and_kept_for_an_hour_unless_told_otherwise() -> None:
    kept = loaded().settings.cache

    assert (kept.fresh_seconds, kept.stale_seconds) == (300, 3_600)


def test_later_wins_file_then_environment_then_flags(config: Path) -> None:
    found = loaded(config, {"als.factors": "32"}, TACIT_PORT="8200", TACIT_ALS__FACTORS="64")

    assert (found.settings.host, found.settings.port, found.settings.als.factors) == ("localhost", 8200, 32)


def test_each_value_says_where_it_came_from(config: Path) -> None:
    found = loaded(config, {"download": "false"}, TACIT_PORT="8200")
    sources = {origin.key: origin.source for origin in found.origins}

    assert sources["host"] == str(config)
    assert sources["port"] == "TACIT_PORT"
    assert sources["download"] == "flag"
    assert sources["gate.max_drop"] == "default"
    assert list(sources) == list(known_keys())


@pytest.mark.parametrize(
    ("key", "near"),
    [("prot", "port"), ("als.factor", "als.factors"), ("gate.max_drops", "gate.max_drop"), ("datset", "dataset")],
)
@pytest.mark.parametrize("source", ["file", "environment", "flag"])
def test_an_unknown_key_names_its_nearest_neighbour_wherever_it_stands(
    key: str, near: str, source: str, tmp_path: Path
) -> None:
    group, _, name = key.rpartition(".")
    file = tmp_path / "tacit.toml"
    file.write_text((f"[{group}]\n" if group else "") + f"{name} = 1\n")
    variable = "TACIT_" + key.upper().replace(".", "__")
    given = {"file": (file, None, {}), "environment": (None, None, {variable: "1"}), "flag": (None, {key: "1"}, {})}
    path, flags, environ = given[source]

    error = refusal(path, flags, **environ)

    assert (error.code, error.field, error.fix) == ("setting_unknown", key, f"Did you mean {near}?")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TACIT_PORT", "0"),
        ("TACIT_PORT", "65536"),
        ("TACIT_PORT", "eight thousand"),
        ("TACIT_IMPORTS__BAD_ROW_BUDGET", "1.5"),
        ("TACIT_IMPORTS__BAD_ROW_BUDGET", "nan"),
        ("TACIT_EXPOSURES__FLUSH_SECONDS", "2s"),
        ("TACIT_EXPOSURES__FLUSH_SECONDS", "inf"),
        ("TACIT_IMPORTS__MEMORY_LIMIT_MIB", "1GB"),
        ("TACIT_SNAPSHOT__SPLIT", "random"),
        ("TACIT_DOWNLOAD", "perhaps"),
        ("TACIT_PORT", '"8000"'),
    ],
)
def test_an_impossible_value_is_refused_by_its_key_and_is_not_repeated(variable: str, value: str) -> None:
    error = refusal(**{variable: value})

    assert error.code == "setting_invalid"
    assert error.field == variable.removeprefix("TACIT_").lower().replace("__", ".")
    assert value not in error.detail or value in ("0", "inf", "nan")


def test_blanks_around_a_variable_do_not_count_and_an_empty_one_is_not_given() -> None:
    found = loaded(TACIT_PORT=" 8200\n", TACIT_DATASET="")

    assert (found.settings.port, found.settings.dataset) == (8200, None)


def test_serving_to_other_machines_must_be_asked_for_twice() -> None:
    assert refusal(TACIT_HOST="192.0.2.1").code == "setting_invalid"
    assert loaded(TACIT_HOST="192.0.2.1", TACIT_ALLOW_PUBLIC="true").settings.host == "192.0.2.1"


def test_an_address_that_others_reach_needs_no_second_word_where_everybody_is_asked() -> None:
    for mode in ("required", "optional"):
        assert loaded(TACIT_HOST="192.0.2.1", TACIT_AUTH__MODE=mode).settings.auth.mode == mode


@pytest.mark.requirement("SEC-030", "C-14")
@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, "auth.mode is open"),
        ({"TACIT_ALLOW_PUBLIC": "true"}, "auth.mode is open"),
        ({"TACIT_AUTH__MODE": "required"}, "auth.tls is unset"),
        ({"TACIT_AUTH__MODE": "optional"}, "auth.tls is unset"),
    ],
)
def test_production_does_not_start_with_the_settings_of_a_trial(others: dict[str, str], said: str) -> None:
    refused = refusal(TACIT_AUTH__ENVIRONMENT="production", **others)
    careful = {"TACIT_AUTH__MODE": "required", "TACIT_AUTH__TLS": "proxy", "TACIT_HOST": "192.0.2.1"}

    assert (refused.code, said in refused.detail) == ("setting_invalid", True)
    assert loaded(TACIT_AUTH__ENVIRONMENT="production", **careful).settings.auth.tls == "proxy"


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2\n", "\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tacit.toml"
    path.write_bytes(text.encode("latin-1"))

    assert (refusal(path).code, refusal(path).field) == ("config_unreadable", str(path))


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml").code == "config_unreadable"

    with pytest.raises(Misconfigured, match="cannot be read"):
        load_settings(environ={"TACIT_CONFIG": str(tmp_path)})


def test_metrics_get_a_port_of_their_own_unless_told() -> None:
    assert loaded(TACIT_PORT="8123").settings.metrics_on == 9123
    assert loaded(TACIT_PORT="65000").settings.metrics_on == 64000
    assert loaded(TACIT_METRICS_PORT="9100").settings.metrics_on == 9100


def test_every_setting_has_a_meaning() -> None:
    assert [key for key, kind, _, said in described_fields() if not (kind and said.endswith("."))] == []
    assert [key for key, *_ in described_fields()] == list(known_keys())


ADDRESSES = {
    "postgresql://ann:s3cret@db:5432/tacit": "postgresql://ann:***@db:5432/tacit",
    "postgresql://ann:s3c/r@t@db/tacit": "postgresql://ann:***@db/tacit",
    "postgresql://ann:s3c/r@t?#@db/tacit": "***",
    "postgresql://ann:x@db/tacit?password=abc@s3cret": "***",
    "postgresql://db:5432/tacit?password=abc@s3cret": "***",
    "postgresql://ann:12?s3cret@db/tacit": "***",
    "postgresql://ann@db/tacit?password=s3cret&sslmode=require": "postgresql://ann@db/tacit",
    "postgresql://db/tacit?user=ann&password=s3cret": "postgresql://db/tacit",
    "postgresql+psycopg://ann:s3cret@/tacit?host=db1,db2": "postgresql+psycopg://ann:***@/tacit",
    "postgresql://ann:s3cret": "***",
    "host=db password=s3cret": "***",
    "s3cret": "***",
    "sqlite:////srv/tacit/tacit.db": "sqlite:////srv/tacit/tacit.db",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_database_address_is_shown_without_what_may_be_its_password(address: str) -> None:
    found = loaded(TACIT_DATABASE_URL=address)
    shown = {origin.key: origin.value for origin in found.origins}["database_url"]

    assert shown == ADDRESSES[address]
    assert "s3cret" not in f"{found!r} {found.settings} {found.settings.model_dump_json()}"
    assert found.settings.database_url is not None
    assert found.settings.database_url.get_secret_value() == address


@given(password=st.text(st.characters(codec="utf-8"), min_size=1), user=st.from_regex("[a-z]{1,8}", fullmatch=True))
def test_no_password_shows_whatever_signs_it_has(password: str, user: str) -> None:
    shown = address_shown(f"postgresql://{user}:{password}@host/tacit")

    assert shown in (f"postgresql://{user}:***@host/tacit", "***")


def test_a_refused_setting_beside_a_secret_does_not_tell_it() -> None:
    problem = refusal(TACIT_DATABASE_URL="'postgresql://ann:s3cret@db/tacit'")

    assert (problem.field, "s3cret" in repr(problem.as_dict())) == ("database_url", False)


def test_a_refusal_of_all_settings_together_does_not_tell_a_secret_even_in_its_trace() -> None:
    problem = refusal(TACIT_DATABASE_URL="postgresql://ann:s3cret@db/tacit", TACIT_HOST="192.0.2.1")

    assert "s3cret" not in "".join(traceback.format_exception(problem))


def test_the_reference_says_that_a_secret_is_one() -> None:
    kinds = {key: (kind, default) for key, kind, default, _ in described_fields()}

    assert kinds["database_url"] == ("secret", "unset")


def test_a_setting_of_several_values_is_an_array_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "tacit.toml").write_text("[rollout]\nsteps = [1, 100]\n", "utf-8")
    ways = (
        loaded(tmp_path / "tacit.toml"),
        loaded(TACIT_ROLLOUT__STEPS="[1, 100]"),
        loaded(flags={"rollout.steps": "[1, 100]"}),
    )
    wrong = [refusal(TACIT_ROLLOUT__STEPS=text) for text in ("1", "[1", "[1, 50]", "5 25 100", '["a"]')]

    assert [each.settings.rollout.steps for each in ways] == [(1.0, 100.0)] * 3
    assert {each.code for each in wrong} == {"setting_invalid"}
    assert all(str(each.field).startswith("rollout") for each in wrong)
