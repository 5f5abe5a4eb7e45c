"""Keys from the shell to a server that runs: in force in other processes, on the record, and in no place afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tacit.bootstrap import build, load_settings
from tacit.bootstrap.callers import PEPPER_FILE, followed
from tacit.errors import TacitError
from tacit.security.key_ring import KeyRing
from tests.shells import serving, tacit, within
from tests.stages import wait_until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "home"


@pytest.fixture(scope="module")
def ring(home: Path) -> Iterator[KeyRing]:
    """What a server that runs on this home knows callers by."""
    flags = {"home": home, "als.engine": "numpy", "auth.poll_seconds": 0.05}
    with build(load_settings(flags=flags, environ={})) as app, followed(app.keys.ring) as ring:
        yield ring


def name_of(ring: KeyRing, text: str) -> str:
    try:
        principal = ring.principal(text)
    except TacitError as error:
        return error.code
    return "" if principal is None else principal.name


@pytest.mark.requirement("SEC-007", "SEC-008", "SEC-010")
def test_a_key_is_made_rotated_and_revoked_at_the_shell_and_servers_follow(ring: KeyRing, home: Path) -> None:
    made = within("keys", "create", "web shop", "--role", "reader", "--expires", "90d", "--json", home=home).answer
    key_id, text = made["key_id"], made["key"]
    wait_until(lambda: name_of(ring, text) == f"key:{key_id}")
    rotated = within("keys", "rotate", key_id, "--overlap", "1h", "--json", home=home).answer
    wait_until(lambda: name_of(ring, rotated["key"]) == f"key:{key_id}")
    beside = name_of(ring, text)
    ring.note()
    shown = within("keys", "show", key_id, "--json", home=home).answer
    listed = within("keys", "list", home=home)
    ended = within("keys", "revoke", key_id, "--reason", "found in a repository", "--json", home=home).answer
    wait_until(lambda: {name_of(ring, text), name_of(ring, rotated["key"])} == {"credentials_invalid"})
    again = within("keys", "rotate", key_id, "--json", home=home)
    acts = [each["action"] for each in within("audit", "--json", home=home).answer]

    assert (beside, len(shown["secrets"]), shown["role"]) == (f"key:{key_id}", 2, "reader")
    assert shown["uses"] >= 3
    assert all(part in listed.out for part in (key_id, "web shop", "active"))
    assert (ended["state"], again.answer["error"]["code"]) == ("revoked", "key_ended")
    assert acts == ["key_revoked", "key_rotated", "key_created"]


def test_nothing_in_the_home_holds_a_key_or_its_secret(ring: KeyRing, home: Path) -> None:
    made = within("keys", "create", "x", "--scope", "lists:read", "--user", "ann", "--json", home=home).answer
    wait_until(lambda: name_of(ring, made["key"]).startswith("key:"))
    secret = made["key"].split("_")[3].encode()
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())

    assert made["key_id"].encode() in everything
    assert secret not in everything
    assert (home / "keys" / PEPPER_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("SEC-023")
def test_the_switch_is_thrown_at_the_shell_and_followed(ring: KeyRing, home: Path) -> None:
    before = ring.is_required
    on = within("keys", "require-all", "on", "--reason", "attack", "--json", home=home).answer
    wait_until(lambda: ring.is_required)
    seen = within("keys", "require-all", "show", home=home)
    off = within("keys", "require-all", "off", "--json", home=home).answer
    wait_until(lambda: not ring.is_required)

    assert (before, on["in_force"], off["in_force"]) == (False, "required", "open")
    assert "auth.mode in force: required (the settings say open)" in seen.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "x"), "field_missing"),
        (("create", "x", "--role", "root"), "role_unknown"),
        (("create", "x", "--role", "admin", "--user", "ann"), "scope_unbindable"),
        (("show", "nothing"), "key_unknown"),
        (("revoke", "nothing"), "key_unknown"),
        (("rotate", "nothing"), "key_unknown"),
        (("rotate", "nothing", "--overlap", "99d"), "value_range"),
    ],
)
def test_what_is_wrong_with_a_command_is_told(home: Path, arguments: tuple[str, ...], code: str) -> None:
    assert within("keys", *arguments, "--json", home=home).answer["error"]["code"] == code


@pytest.mark.slow
@pytest.mark.requirement("SEC-008", "SEC-023")
def test_a_server_lets_a_revoked_key_go_within_five_seconds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving("serve", "--without-champion", home=home) as server:

        def status(text: str | None = None) -> int:
            headers = {} if text is None else {"X-API-Key": text}
            return httpx2.get(server.announced["pages"] + "api/v1/models", headers=headers, timeout=10).status_code

        assert (server.announced["auth"], status()) == ("open", 200)
        text = tacit("keys", "create", "ops", "--role", "operator", "--json", home=home).answer["key"]
        tacit("keys", "require-all", "on", home=home)
        required = wait_until(lambda: status() == 401 and status(text) == 200)
        started = time.monotonic()
        tacit("keys", "revoke", text.split("_")[2], home=home)
        revoked = time.monotonic() - started
        let_go = wait_until(lambda: status(text) == 401)
        log = (home.parent / "server.log").read_text()

    print(f"required after {required:.2f} s; revoked in {revoked:.2f} s, let go {let_go:.2f} s later")
    assert text not in log
