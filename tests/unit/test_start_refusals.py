"""What keeps an installation from starting (the catalogue of bad input, 148 to 160), by its number."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tacit.bootstrap import check_told, load_settings, reach_database
from tacit.entrypoints.cli.exits import exit_code_of
from tacit.entrypoints.cli.program import run
from tacit.errors import Misconfigured, TacitError
from tacit.settings import SettingsInForce

SECRET = "canary-7f3a"
PROXIES = "TACIT_LIMITS__TRUSTED_PROXIES"
PUBLIC = {"TACIT_HOST": "0.0.0.0", "TACIT_ALLOW_PUBLIC": "true"}  # noqa: S104 - the very thing that is looked at


def refusal(
    environ: Mapping[str, str] | None = None, file: str | None = None, *, tmp_path: Path, flags: object = None
) -> Misconfigured:
    config = tmp_path / "tacit.toml"
    config.write_text(file or "")
    with pytest.raises(Misconfigured) as caught:
        load_settings(config=config, environ=environ or {}, flags=flags)  # type: ignore[arg-type]
    return caught.value


CASES: dict[str, tuple[Mapping[str, str], str | None, str, str]] = {
    "148 a misspelt key": ({"TACIT_LIMITS__ENABLE": "true"}, None, "setting_unknown", "limits.enabled"),
    "149 a wrong type": ({"TACIT_LIMITS__ANONYMOUS_PER_MINUTE": "2s"}, None, "setting_invalid", "anonymous_per_minute"),
    "149 a unit": ({"TACIT_ALS__MEMORY_LIMIT_MIB": "1GiB"}, None, "setting_invalid", "memory_limit_mib"),
    "150 blocks that shrink": (
        {"TACIT_LIMITS__BLOCK_SECONDS": "90", "TACIT_LIMITS__LONGEST_BLOCK_SECONDS": "60"}, None, "setting_invalid",
        "longest_block_seconds",
    ),
    "150 rungs that go down": ({"TACIT_COLDSTART__PERSONAL_FROM": "1"}, None, "setting_invalid", "personal_from"),
    "151 a default password": (
        {**PUBLIC, "TACIT_CACHE__REDIS_URL": "redis://:changeme@redis:6379/0"}, None, "secret_weak", "cache.redis_url",
    ),
    "151 admin:admin": (
        {**PUBLIC, "TACIT_DATABASE_URL": "postgresql://admin:admin@db/tacit"}, None, "secret_weak", "database_url",
    ),
    "153 everybody's address": ({"TACIT_HOST": "0.0.0.0"}, None, "setting_invalid", "host"),  # noqa: S104
    "155 a key twice": ({}, "port = 1\nport = 2\n", "config_unreadable", ""),
    "155 a tab in YAML's manner": ({}, "limits:\n\tenabled: true\n", "config_unreadable", ""),
    "155 an object": ({}, "home = !!python/object:os.system", "config_unreadable", ""),
    "156 quotes": ({"TACIT_HOST": '"127.0.0.1"'}, None, "setting_invalid", "quotes"),
    "156 a second line": ({"TACIT_DATASET": "a\nb"}, None, "setting_invalid", "one line"),
    "157 any origin with credentials": (
        {"TACIT_LIMITS__CORS_ORIGINS": '["*"]', "TACIT_LIMITS__CORS_CREDENTIALS": "true"}, None, "setting_invalid",
        "cors_origins",
    ),
    "157 no origin": ({"TACIT_LIMITS__CORS_ORIGINS": '["null"]'}, None, "setting_invalid", "origin"),
    "158 every proxy": ({PROXIES: '["0.0.0.0/0"]'}, None, "setting_invalid", "trust_every_proxy"),
    "158 every proxy of IPv6": ({PROXIES: '["::/0"]'}, None, "setting_invalid", "trusted_proxies"),
    "158 no network": ({PROXIES: '["nginx"]'}, None, "setting_invalid", "network"),
    "160 a file that broke": ({}, "port = ", "config_unreadable", ""),
}  # fmt: skip


@pytest.mark.requirement("SEC-030")
@pytest.mark.parametrize("case", CASES)
def test_a_bad_setting_keeps_everything_from_starting_and_says_which(case: str, tmp_path: Path) -> None:
    environ, file, code, said = CASES[case]
    error = refusal(environ, file, tmp_path=tmp_path)

    assert error.code == code
    assert said in f"{error.field} {error.detail} {error.fix}"
    assert exit_code_of(error) == 78


def test_a_guessed_secret_is_borne_where_nobody_else_can_reach_it(tmp_path: Path) -> None:
    (tmp_path / "tacit.toml").touch()
    environ = {"TACIT_CACHE__REDIS_URL": "redis://:changeme@127.0.0.1:6379/0"}

    assert load_settings(config=tmp_path / "tacit.toml", environ=environ).settings.cache.redis_url is not None


@pytest.mark.parametrize("form", ["variable", "value"])
def test_a_secret_is_read_from_a_file_of_its_own_and_never_shown(form: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"redis://:{SECRET}@127.0.0.1:6379/0\n")
    file.chmod(0o400)
    named = {
        "variable": ("TACIT_CACHE__REDIS_URL_FILE", str(file)),
        "value": ("TACIT_CACHE__REDIS_URL", f"file:{file}"),
    }
    name, value = named[form]
    (tmp_path / "tacit.toml").touch()
    found = load_settings(config=tmp_path / "tacit.toml", environ={name: value})
    kept = found.settings.cache.redis_url

    assert kept is not None
    assert kept.get_secret_value() == f"redis://:{SECRET}@127.0.0.1:6379/0"
    assert SECRET not in repr(found)
    [origin] = [each for each in found.origins if each.key == "cache.redis_url"]
    assert (origin.source, origin.value) == (f"file:{file}", "redis://:***@127.0.0.1:6379/0")


@pytest.mark.parametrize(
    ("mode", "content", "code"),
    [
        (0o404, f"redis://:{SECRET}@h:1", "secret_exposed"),
        (0o606, f"redis://:{SECRET}@h:1", "secret_exposed"),
        (0o400, "", "secret_unreadable"),
        (0o400, f"{SECRET}\n{SECRET}\n", "secret_unreadable"),
        (None, "", "secret_unreadable"),
    ],
    ids=["152 readable by all", "152 writable by all", "an empty one", "two lines", "none"],
)
def test_a_file_that_keeps_its_secret_badly_is_refused(
    mode: int | None, content: str, code: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if mode is not None:
        file.write_text(content)
        file.chmod(mode)
    error = refusal({"TACIT_CACHE__REDIS_URL_FILE": str(file)}, tmp_path=tmp_path)

    assert (error.code, error.field) == (code, "cache.redis_url")
    assert SECRET not in f"{error} {error.fix}"


def test_a_secret_on_the_command_line_or_in_a_file_that_all_may_read_is_refused(tmp_path: Path) -> None:
    address = f"postgresql://tacit:{SECRET}@db/tacit"
    with pytest.raises(Misconfigured) as caught:
        check_told("database_url", address)
    on_line = caught.value
    in_file = refusal(file=f'database_url = "{address}"\n', tmp_path=tmp_path)
    twice = refusal({"TACIT_DATABASE_URL": address, "TACIT_DATABASE_URL_FILE": "/x"}, tmp_path=tmp_path)

    assert [each.code for each in (on_line, in_file, twice)] == ["secret_exposed", "secret_exposed", "setting_invalid"]
    assert not any(SECRET in f"{each} {each.fix}" for each in (on_line, in_file, twice))


def test_154_a_database_that_is_not_there_says_so_without_the_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"postgresql://tacit:{SECRET}@127.0.0.1:{taken.getsockname()[1]}/tacit?connect_timeout=1"
        in_force: SettingsInForce = load_settings(environ={"TACIT_DATABASE_URL": address}, config=Path("/dev/null"))
        with pytest.raises(TacitError) as caught:
            reach_database(in_force)

    assert SECRET not in f"{caught.value} {caught.value.fix} {in_force!r}"


def test_151_the_list_of_settings_shows_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TACIT_LIMITS__REDIS_URL", f"redis://:{SECRET}@h:6379/0")
    outcomes = [run(["settings"]), run(["settings", "--json"])]

    assert outcomes == [0, 0]
    assert SECRET not in "".join(capsys.readouterr())


def test_a_command_that_is_told_a_secret_ends_before_it_does_anything(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(["settings", "--set", f"cache.redis_url=redis://:{SECRET}@127.0.0.1:6379/0"])

    assert outcome == 78
    assert SECRET not in "".join(capsys.readouterr())


@pytest.mark.requirement("SEC-006")
def test_limits_are_what_the_operator_says(tmp_path: Path) -> None:
    (tmp_path / "tacit.toml").write_text("[limits]\nanonymous_per_minute = 1000\nstrict_share = 0.5\n")
    found = load_settings(
        config=tmp_path / "tacit.toml", environ={"TACIT_LIMITS__SESSION_PER_DAY": "50"}
    ).settings.limits

    assert (found.anonymous_per_minute, found.authenticated_per_minute) == (1_000, 1_000)
    assert (found.session_per_day, found.strict_share) == (50, 0.5)
