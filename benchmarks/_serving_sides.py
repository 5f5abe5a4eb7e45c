"""What stands beside the platform when it is asked: a bare HTTP server, and one that was written in an afternoon."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks._asking import Questions
from benchmarks._bodies import Body
from benchmarks._load import Offer
from benchmarks._served import HOST, Address, Cores, Process, _running
from benchmarks._worker import run_side

runs = count(1)


def exported(home: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Write what a naive server needs of a home's first version; its users and those of its items that have factors."""
    from tacit.models.recommender import artifact
    from tacit.models.recommender.engines.choosing import choose_engine

    version = home / "versions" / "recommender" / "1"
    model = artifact.load(version, choose_engine("auto", 1, notify=lambda _: None))
    users = list(model.user_ids)
    items = [item.item_id for item in model.items[: len(model.item_factors)]]
    folder.mkdir()
    for name in ("user_factors.npy", "item_factors.npy"):
        shutil.copy(version / name, folder / name)
    shutil.copy(version / "history_indptr.npy", folder / "indptr.npy")
    shutil.copy(version / "history_items.npy", folder / "indices.npy")
    (folder / "ids.json").write_text(json.dumps({"users": users, "items": items}), "utf-8")
    return users, items


@contextmanager
def naive(folder: Path, *, core: int | None) -> Iterator[Process]:
    """FastAPI and implicit over what `exported` wrote."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks._naive_server", str(folder)]
    with _running(command, folder, {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, core=core) as (pid, said):
        yield Process(pid, Address(said["port"]))


@contextmanager
def constant(folder: Path, size: int, *, core: int | None) -> Iterator[Process]:
    """The platform's own HTTP server, with an application that answers everything with so many bytes."""
    command = [sys.executable, "-m", "benchmarks._serving_sides", str(size)]
    with _running(command, folder, {}, core=core) as (pid, said):
        yield Process(pid, Address(said["port"]))


def offered(
    server: Process,
    questions: Questions,
    *,
    rate: float,
    seconds: float,
    cores: Cores,
    connections: int = 32,
    kind: str = "poisson",
) -> dict[str, Any]:
    """One run of the generator against a server, with the CPU that the server took for each answer."""
    number, cpu = next(runs), server.cpu_seconds
    offer = Offer(
        HOST,
        server.address.port,
        rate=rate,
        seconds=seconds,
        body=Body(),
        connections=connections,
        kind=kind,
        seed=number,
        core=cores.generator,
    )
    arguments = {"offer": asdict(offer), "questions": asdict(questions)}
    found: dict[str, Any] = run_side("benchmarks._asking:asked", arguments, threads=1).result
    answered = max(1, found.pop("answered_in_all"))
    return {"rate": rate, **found, "server_cpu_us": (server.cpu_seconds - cpu) / answered * 1e6}


def constant_application(size: int) -> Any:
    """Answers everything with a body of one size."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    body = b"x" * size

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def main(size: int) -> int:
    """Serve a constant until told to stop."""
    from tacit.entrypoints.api.server import ApiServer

    server = ApiServer(constant_application(size), port=0)
    print(json.dumps({"port": server.port}), flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
