"""Being watched, as it is wired: who reads is heard, what is found is noted, and files say what was chosen."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
import yaml

from tacit.adapters.prometheus import PrometheusSink
from tacit.adapters.watch_file import OLD_SECONDS, WatchFile
from tacit.bootstrap import load_settings
from tacit.bootstrap.alerting import monitoring_files
from tacit.bootstrap.monitoring import check_monitoring, watched
from tacit.entrypoints.api.metrics_listener import MetricsListener
from tacit.errors import Misconfigured
from tacit.monitoring import watch_metrics as catalogue
from tacit.monitoring.watch import Trouble, WatchState
from tests.stages import wait_until

TROUBLED = WatchState(True, 75.0, "unreachable", (Trouble("metrics_unscraped", "Nobody reads.", 15.0),))


def test_whoever_reads_is_heard_and_it_is_noted_for_other_processes(tmp_path: Path) -> None:
    in_force = load_settings(flags={"home": tmp_path}, environ={})
    sink, file = PrometheusSink(), WatchFile(tmp_path / "monitoring")
    with (
        watched(in_force, sink, sink.registry, targets=()) as watch,
        MetricsListener(watch.registry, "127.0.0.1", 0) as listener,
    ):
        address = f"http://127.0.0.1:{listener.port}/metrics"
        whole = httpx2.get(address).text
        part = httpx2.get(address, params={"name[]": "tacit_scrapes_total"}).text
        wait_until(lambda: file.state() is not None)
        state = watch.state()

    assert "tacit_watch_trouble" in whole
    assert "tacit_watch_trouble" not in part
    assert sink.value(catalogue.SCRAPES) == 2
    assert state is not None
    assert state.scraped_seconds_ago is not None
    assert (state.is_expected, state.alertmanager, state.troubles) == (False, "absent", ())
    assert file.state() is None


@pytest.mark.requirement("MON-037")
def test_a_server_that_nobody_reads_measures_and_notes_that_it_is_so(tmp_path: Path) -> None:
    flags = {"home": tmp_path, "monitoring.expected": True, "monitoring.unscraped_seconds": 1}
    sink, file = PrometheusSink(), WatchFile(tmp_path / "monitoring")
    with watched(load_settings(flags=flags, environ={}), sink, sink.registry, targets=()):
        wait_until(lambda: sink.value(catalogue.WATCH_TROUBLE, trouble="metrics_unscraped") == 1)
        wait_until(lambda: (found := file.state()) is not None and len(found.troubles) == 1)


def test_a_note_is_read_as_it_was_written_until_it_is_old(tmp_path: Path) -> None:
    now = [1_000.0]
    file = WatchFile(tmp_path, lambda: now[0])
    file.write(TROUBLED, {"alertmanager": "http://127.0.0.1:9093"})
    first = file.state()
    now[0] += OLD_SECONDS + 1

    assert first == TROUBLED
    assert file.state() is None
    assert file.addresses() == {"alertmanager": "http://127.0.0.1:9093"}


@pytest.mark.requirement("MON-020")
def test_prometheus_reads_every_ten_seconds_unless_something_else_was_chosen(tmp_path: Path) -> None:
    def every(**flags: object) -> str:
        settings = load_settings(flags={"home": tmp_path, **flags}, environ={}).settings
        files = monitoring_files(settings, ["127.0.0.1:9000"], alertmanager="127.0.0.1:9093")
        return str(yaml.safe_load(files["prometheus.yml"])["global"]["scrape_interval"])

    assert every() == "10s"
    assert every(**{"monitoring.scrape_seconds": 2.5}) == "2500ms"


def test_a_reader_needs_no_servers_that_watch_and_whoever_takes_events_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    flags = {"home": tmp_path, "monitoring.servers": True}

    check_monitoring(load_settings(flags={**flags, "serving.role": "reader"}, environ={}).settings)
    with pytest.raises(Misconfigured) as caught:
        check_monitoring(load_settings(flags=flags, environ={}).settings)
    assert caught.value.code == "monitoring_missing"


@pytest.mark.parametrize("address", ["alerts:9093", "ftp://alerts", "http://", "http://ann:secret-1234@alerts:9093"])
def test_an_address_that_is_none_or_holds_a_secret_is_refused_unshown(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load_settings(flags={"monitoring.alertmanager_url": address}, environ={})

    assert caught.value.code == "setting_invalid"
    assert "secret-1234" not in str(caught.value)
