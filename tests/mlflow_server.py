"""A real MLflow tracking server on loopback, started by a test and stopped by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.postgres_server import free_port


def mlflow_program() -> Path:
    """The `mlflow` command of an environment with the whole server; the test is skipped where there is none.

    The server and this project ask for packages that exclude each other, so it lives in an environment of its own.
    """
    named = os.environ.get("TACIT_TEST_MLFLOW") or shutil.which("mlflow-server")
    if named is None or not Path(named).is_file():
        pytest.skip("no MLflow server: set TACIT_TEST_MLFLOW to the mlflow command of an environment with `mlflow`")
    return Path(named)


@contextmanager
def tracking_server(store: str, folder: Path) -> Iterator[str]:
    """The address of a server whose runs are in a store, and whose files are in a folder."""
    port = free_port()
    command = [mlflow_program(), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", (folder / "files").as_uri()]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHONPATH"))}
    ours |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=ours, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process, folder / "mlflow.log")
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-3_000:]
        try:
            if httpx2.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the tracking server did not come up: " + log.read_text()[-3_000:])
