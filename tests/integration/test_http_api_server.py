"""The server as a process runs it: its addresses, its listeners, its log, its end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import structlog
from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.memory import memory_share
from tacit.entrypoints.api.metrics_listener import MetricsListener
from tacit.entrypoints.api.server import ApiServer
from tacit.errors import Misconfigured
from tacit.monitoring import metrics as catalogue
from tests.stages import served, stage, wait_until


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_metrics_are_on_a_listener_of_their_own_that_can_be_stopped() -> None:
    sink = PrometheusSink()
    sink.increment(catalogue.RECOMMENDATIONS, 3, source="personal")
    with MetricsListener(sink.registry, "127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.port}/metrics"
        text = httpx2.get(address).text

    assert 'recommendations_total{source="personal"} 3.0' in text
    assert "\nmodel_loaded 0.0" in text
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address)


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path, taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    with stage(tmp_path) as made:
        app = create_app(made.service, made.pool, made.metrics, version="0.0.1")
        with pytest.raises(Misconfigured, match=str(port)) as of_api:
            ApiServer(app, port=port)
        with pytest.raises(Misconfigured, match=str(port)) as of_metrics:
            MetricsListener(PrometheusSink().registry, "127.0.0.1", port).start()

    assert {of_api.value.code, of_metrics.value.code} == {"port_unavailable"}


def test_what_runs_in_the_background_is_entered_in_order_and_left_in_reverse(tmp_path: Path) -> None:
    happened: list[str] = []

    class Background:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            happened.append(f"{self.name} begins")

        def __exit__(self, *_: object) -> None:
            happened.append(f"{self.name} ends")

    with stage(tmp_path) as made:
        names = ("exposures", "metrics")
        app = create_app(
            made.service,
            made.pool,
            made.metrics,
            version="0.0.1",
            background=[lambda name=name: Background(name) for name in names],  # type: ignore[misc]
        )
        run_until_answered(app, "/livez")

    assert happened == ["exposures begins", "metrics begins", "metrics ends", "exposures ends"]
    assert made.pool._thread is None


def run_until_answered(app: object, path: str) -> httpx2.Response:
    server = ApiServer(app, port=0)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.is_started)
        return httpx2.get(server.address + path)
    finally:
        server.stop()
        thread.join()


def test_further_routes_stand_beside_those_of_the_api_and_keep_their_own_policy(tmp_path: Path) -> None:
    pages = APIRouter(dependencies=[requires("lists:read")])

    @pages.get("/pages/{name:path}")
    def page(name: str) -> Response:
        return HTMLResponse(f"<p>{name}", headers={"Content-Security-Policy": "default-src 'self'"})

    with stage(tmp_path) as made:
        app = create_app(made.service, made.pool, made.metrics, version="0.0.1", extra_routers=[pages])
        response = run_until_answered(app, "/pages/a%2Fb")

    assert response.text == "<p>a/b"
    assert response.headers["content-security-policy"] == "default-src 'self'"


@pytest.mark.requirement("MON-035")
def test_a_request_is_one_line_in_the_log_that_names_neither_user_nor_item(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines, stage(tmp_path) as made:
        made.release()
        with served(made) as client:
            client.get("/api/v1/users/u000/recommendations", headers={"X-Request-Id": "trace-7"})
            client.get("/api/v1/users/secret-name/recommendations?exclude=i001")

    answered = [line for line in lines if line["event"] == "request_answered"]
    assert [(line["route"], line["status"], line["code"]) for line in answered] == [
        ("/api/v1/users/{user_id}/recommendations", 200, None),
        ("/api/v1/users/{user_id}/recommendations", 404, "user_unknown"),
    ]
    assert all(line["milliseconds"] >= 0 for line in answered)
    assert "secret-name" not in str(lines)


def test_stopping_lets_the_request_under_way_end(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()
    slow = APIRouter(dependencies=[requires("lists:read")])

    @slow.get("/slow")
    def wait() -> str:
        entered.set()
        leave.wait(5)
        return "done"

    with stage(tmp_path) as made:
        app = create_app(made.service, made.pool, made.metrics, version="0.0.1", extra_routers=[slow])
        server = ApiServer(app, port=0)
        running = threading.Thread(target=server.run)
        running.start()
        wait_until(lambda: server.is_started)
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(httpx2.get(f"{server.address}/slow").json()))
        asking.start()
        entered.wait(5)
        server.stop()
        leave.set()
        asking.join()
        running.join()

    assert answers == ["done"]


def test_whoever_asks_again_and_again_is_told_to_leave_and_never_cut_off(tmp_path: Path) -> None:
    last: list[str] = []
    connected = threading.Barrier(17)

    def ask(address: str) -> None:
        with httpx2.Client(base_url=address) as client:
            client.get("/livez")
            connected.wait(10)
            try:
                while client.get("/api/v1/popular").headers.get("connection") != "close":
                    pass
                last.append("told")
            except httpx2.HTTPError as error:
                last.append(repr(error))

    with stage(tmp_path) as made:
        made.release()
        server = ApiServer(create_app(made.service, made.pool, made.metrics, version="0.0.1"), port=0)
        running = threading.Thread(target=server.run)
        running.start()
        wait_until(lambda: server.is_started)
        asking = [threading.Thread(target=ask, args=(server.address,)) for _ in range(16)]
        for thread in asking:
            thread.start()
        connected.wait(10)
        wait_until(lambda: made.metrics.value(catalogue.RECOMMENDATIONS, source="popular") > 50)
        server.stop()
        for thread in (*asking, running):
            thread.join()

    assert last == ["told"] * 16


@pytest.mark.requirement("SERV-004")
def test_who_is_told_to_end_is_not_ready_at_once_and_listens_until_others_had_time_to_notice(tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        made.release()
        app = create_app(made.service, made.pool, made.metrics, version="0.0.1")
        left: list[str] = []
        server = ApiServer(app, port=0, leave_seconds=60.0, on_leave=lambda: left.append("told"))
        running = threading.Thread(target=server.run)
        running.start()
        wait_until(lambda: server.is_started)
        with httpx2.Client(base_url=server.address) as kept:
            before = {path: kept.get(path).status_code for path in PROBES}
            server.stop()
            server.stop()
            leaving = {path: httpx2.get(server.address + path).status_code for path in PROBES}
            last = kept.get("/api/v1/popular")
        assert server.is_leaving
        server._server.should_exit = True
        running.join()

    assert before == dict.fromkeys(PROBES, 200)
    assert leaving == {**dict.fromkeys(PROBES, 200), "/readyz": 503, "/ready": 503}
    assert (last.status_code, last.headers["connection"], left) == (200, "close", ["told"])
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(server.address + "/livez")


PROBES = ("/livez", "/live", "/readyz", "/ready", "/startupz", "/health")


def test_a_request_that_hangs_is_given_up_and_does_not_keep_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()
    slow = APIRouter(dependencies=[requires("lists:read")])

    @slow.get("/slow")
    def wait() -> str:
        entered.set()
        leave.wait(20)
        return "late"

    monkeypatch.setattr("tacit.entrypoints.api.server.SHUTDOWN_SECONDS", 1)
    with stage(tmp_path) as made:
        app = create_app(made.service, made.pool, made.metrics, version="0.0.1", extra_routers=[slow])
        server = ApiServer(app, port=0)
        running = threading.Thread(target=server.run)
        running.start()
        wait_until(lambda: server.is_started)

        def ask() -> None:
            with contextlib.suppress(httpx2.HTTPError):
                httpx2.get(f"{server.address}/slow", timeout=20)

        asking = threading.Thread(target=ask)
        asking.start()
        entered.wait(5)
        server.stop()
        running.join(8)
        assert not running.is_alive()
        leave.set()
        asking.join(1)


def test_the_memory_in_use_is_read_from_the_container_and_else_from_the_machine(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("950\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 150\n")
    machine = tmp_path / "meminfo"
    machine.write_text("MemTotal: 4000 kB\nMemFree: 10 kB\nMemAvailable: 1000 kB\n")
    of_group = memory_share(tmp_path, machine)
    (tmp_path / "memory.max").write_text("max\n")
    of_machine = memory_share(tmp_path, machine)

    assert (of_group, of_machine) == (0.8, 0.75)
    assert memory_share(tmp_path / "gone", tmp_path / "gone") is None
