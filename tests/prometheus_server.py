"""A real Prometheus on a free port of loopback, for tests that ask it what it saw."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.adapters.monitoring_servers import Retention, prometheus_plan
from tests.shells import free_port
from tests.stages import wait_until


@dataclass(frozen=True)
class Sample:
    """One series and what it stands at."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class PrometheusServer:
    """A running one."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def query(self, expr: str) -> list[Sample]:
        """What a question is answered with now; a number by itself has no labels."""
        answer = httpx2.get(f"{self.address}/api/v1/query", params={"query": expr}, timeout=10).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "prometheus ended before it was ready"
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.address}/-/ready", timeout=2).status_code == 200
        return False


def scraping(*targets: str, every: str = "1s") -> str:
    """A configuration that looks at `host:port` so often, as the job `tacit`."""
    listed = ", ".join(f'"{target}"' for target in targets)
    return (
        f"global:\n  scrape_interval: {every}\n  evaluation_interval: {every}\n"
        f"scrape_configs:\n  - job_name: tacit\n    static_configs:\n      - targets: [{listed}]\n"
    )


@contextmanager
def prometheus_server(folder: Path, config: str) -> Iterator[PrometheusServer]:
    """A running server; the test is skipped, saying so, where there is no Prometheus."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed here")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(config)
    port = free_port()
    command = prometheus_plan("prometheus", folder, port, kept=Retention(days=1, mib=64)).command
    with (folder / "prometheus.log").open("wb") as log:
        server = PrometheusServer(port, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
        try:
            wait_until(server.is_ready, seconds=20)
            yield server
        finally:
            server.process.terminate()
            server.process.wait(timeout=20)
