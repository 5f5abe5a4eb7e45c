"""Servers kept as processes: a small one of Python's own in place of Prometheus."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tacit.adapters import monitoring_servers
from tacit.adapters.kept_server import KeptServer, KeptServers, ServerPlan, left_behind
from tacit.adapters.monitoring_servers import chosen_ports, found_programs, write_files
from tacit.adapters.processes import is_gone, name_of
from tacit.errors import Misconfigured, Unavailable
from tests.shells import free_port
from tests.stages import wait_until

_SERVER = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def plan(folder: Path, program: str = _SERVER) -> ServerPlan:
    port = free_port()
    command = (sys.executable, "-IS", "-c", program, str(port))
    return ServerPlan("prometheus", command, f"http://127.0.0.1:{port}", folder)


def test_a_server_that_ends_is_started_again_and_none_is_left_at_the_end(tmp_path: Path) -> None:
    with KeptServers((plan(tmp_path),)) as kept:
        server = kept.servers[0]
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.restarts == 1 and server.is_ready(), seconds=10)
        second = server.pid
        assert second is not None
        name = name_of(second)

    assert second != first
    assert is_gone(name)
    assert left_behind(tmp_path, "prometheus") is None


def test_a_server_that_was_left_behind_is_kept_unless_it_is_to_run_otherwise(tmp_path: Path) -> None:
    program = f"import signal; signal.signal(signal.SIGHUP, lambda *_: None)\n{_SERVER}"
    same = plan(tmp_path, program)
    first = KeptServer(same)
    first.start()
    wait_until(first.is_ready)
    second = KeptServer(same)
    second.start()
    pids = first.pid, second.pid
    other = KeptServer(plan(tmp_path, program))
    other.start()
    wait_until(other.is_ready)
    found = left_behind(tmp_path, "prometheus")
    other.stop()
    first.stop()

    assert pids[0] == pids[1]
    assert found is not None
    assert found.pid not in pids
    assert not second.is_ready()


def test_a_server_that_cannot_start_says_what_it_said_last(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught, KeptServers((plan(tmp_path, "raise SystemExit('no such flag')"),)):
        pass

    assert caught.value.code == "monitoring_unstarted"
    assert "no such flag" in caught.value.detail


def test_files_with_secrets_are_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "monitoring"
    write_files(folder, {"alertmanager.yml": "key: secret"})
    write_files(folder, {"alertmanager.yml": "key: other"})

    assert (folder / "alertmanager.yml").read_text() == "key: other"
    assert (folder / "alertmanager.yml").stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_programs_that_are_not_there_are_named_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Misconfigured) as caught:
        found_programs()

    assert caught.value.code == "monitoring_missing"
    assert "apt-get install prometheus prometheus-alertmanager" in str(caught.value.fix)


def test_a_usual_port_that_is_taken_is_evaded_and_one_that_was_asked_for_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(monitoring_servers, "PROMETHEUS_PORT", port)
        chosen = chosen_ports(tmp_path, None, free_port())
        with pytest.raises(Misconfigured) as caught:
            chosen_ports(tmp_path, port, None)

    assert chosen.prometheus != port
    assert caught.value.field == "monitoring.prometheus_port"
