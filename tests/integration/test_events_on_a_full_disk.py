"""A server whose disk is full answers, says what it cannot do, writes what it must, and goes on once there is space."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.adapters.reserve import Reserve
from tacit.bootstrap import build, load_settings
from tacit.data import synthetic
from tacit.entrypoints.api.schemas import HealthBody
from tacit.errors import Refused
from tacit.monitoring import metrics as catalogue
from tests.conservation import unbalanced
from tests.integration.test_http_events import OPEN, Platform, platform, play, problem
from tests.stages import wait_until

RECOVERY_SECONDS = 10.0
MIB = 2**20
FLAGS = {"als.factors": 4, "als.iterations": 2, "events.reserve_mib": 8}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk of 48 MB can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def fill(disk: Path) -> Path:
    """A file that takes all the space there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(MIB)):
                pass
        except OSError:
            pass
    return ballast


def trained(home: Path, community: Path) -> None:
    synthetic.generate(community, users=150, items=100, artists_per_user=20)
    with build(load_settings(flags={"home": home, **OPEN, **FLAGS}, environ={})) as app:
        app.import_data("auto", community, actor="test")
        app.train(actor="test")
        app.promote(1, actor="test", force=True, reason="a test")


def send_until_refused(running: Platform) -> tuple[list[str], tuple[int, str]]:
    """Ids that were acknowledged, and how the first batch was refused."""
    acknowledged: list[str] = []
    for _ in range(2_000):
        events = [play(properties={"x": "y" * 2_000}) for _ in range(50)]
        response = running.send(events)
        if response.status_code != 202:
            assert response.headers["retry-after"]
            return acknowledged, problem(response)
        acknowledged += [each["event_id"] for each in events]
    return acknowledged, (0, "never refused")


def health(running: Platform) -> dict[str, Any]:
    body: dict[str, Any] = running.client.get("/health").json()
    HealthBody.model_validate(body)
    return body


def test_a_full_disk_costs_new_events_and_nothing_else_until_there_is_space(disk: Path, tmp_path: Path) -> None:
    home = disk / "home"
    trained(home, tmp_path / "community")
    with platform(home, **FLAGS) as running:
        first = play()
        running.send([first, {**first, "item_id": "i2"}])
        before = health(running)
        ballast = fill(disk)
        acknowledged, refusal = send_until_refused(running)
        full, is_reserve_there = health(running), (home / "reserve").exists()
        reads = [running.client.get("/api/v1/popular").status_code for _ in range(200)]
        purged = running.client.post("/api/v1/quarantine/purge", json={"reason": "event_conflict", "confirm": True})
        still = running.send(play())
        ready = running.client.get("/readyz")
        ballast.unlink()
        freed = time.monotonic()
        wait_until(lambda: health(running)["status"] == "healthy", seconds=RECOVERY_SECONDS)
        again = running.send(play())
        took = time.monotonic() - freed
        wait_until(lambda: health(running)["events"]["lag"] == 0, seconds=RECOVERY_SECONDS)
        applied = {each.logged.event.event_id for each in running.app.event_store.applied(0, limit=10**6)}
        balance = running.parts.metrics.value(catalogue.EVENT_BALANCE, source="api")

        assert (before["status"], before["events"]["taken"]) == ("healthy", True)
        assert refusal == problem(still) == (507, "storage_full")
        assert (full["status"], full["events"]["taken"], is_reserve_there) == ("degraded", False, False)
        for told in (full, ready.json()):
            assert "events are not taken (storage_full)" in told["reasons"]
        assert (set(reads), ready.status_code) == ({200}, 200)
        assert (purged.status_code, purged.json()) == (200, {"purged": 1})
        assert (again.status_code, (home / "reserve").exists()) == (202, True)
        assert took <= RECOVERY_SECONDS
        assert set(acknowledged) | {first["event_id"]} <= applied
        assert (balance, unbalanced(running.app.event_store)) == (0, [])
    assert not (home / "reserve").exists()


def test_a_reserve_holds_its_space_until_it_is_released_and_takes_it_again(disk: Path) -> None:
    reserve = Reserve(disk / "reserve", size=8 * MIB)
    free = free_bytes(disk)

    assert reserve.take()
    assert free - free_bytes(disk) >= 8 * MIB
    ballast = fill(disk)
    reserve.release()
    assert 8 * MIB <= free_bytes(disk) < 9 * MIB
    # What it let go is for others: it does not take it back while there is no more than that.
    assert not reserve.take()
    ballast.unlink()
    assert reserve.take()
    reserve.close()
    assert free_bytes(disk) == free


def test_a_reserve_that_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    Reserve(tmp_path / "reserve", size=MIB).take()
    left = (tmp_path / "reserve").stat().st_ino
    reserve = Reserve(tmp_path / "reserve", size=MIB)

    assert reserve.take()
    assert (tmp_path / "reserve").stat().st_ino == left
    reserve.close()


def test_without_a_reserve_nothing_is_held_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", size=0)
    reserve.release()

    assert reserve.take()
    assert list(tmp_path.iterdir()) == []


def test_space_for_less_than_the_reserve_is_kept_for_others_from_the_start(disk: Path, tmp_path: Path) -> None:
    with platform(disk / "home", **{"events.reserve_mib": 64}) as running:
        assert problem(running.send(play())) == (507, "storage_full")
        assert health(running)["events"] == {"taken": False, "lag": 0}


def test_a_nearly_full_disk_is_told_takes_events_and_trains_nothing(disk: Path, tmp_path: Path) -> None:
    home = disk / "home"
    trained(home, tmp_path / "community")
    with platform(home, **FLAGS) as running:
        (disk / "ballast").write_bytes(bytes(free_bytes(disk) - MIB))
        told, sent = health(running), running.send(play())
        with pytest.raises(Refused) as refusal:
            running.app.train(actor="test")
        (disk / "ballast").unlink()

        assert (told["status"], told["reasons"]) == ("degraded", ["the disk is nearly full"])
        assert (sent.status_code, refusal.value.code) == (202, "space_low")
        assert health(running)["status"] == "healthy"
