"""What a team would write in an afternoon: FastAPI with a response model, and implicit's own `recommend` behind it.

`python -m benchmarks._naive_server FOLDER`: the folder holds `user_factors.npy`, `item_factors.npy`, the training
matrix as `indptr.npy` and `indices.npy`, and `ids.json`.  It answers the two questions that are asked most; it checks
no key, counts nothing, limits nobody, remembers nothing and explains nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel


class Recommended(BaseModel):
    """One item of a list."""

    item_id: str
    score: float


class Listed(BaseModel):
    """A list."""

    items: list[Recommended]


def application(folder: Path) -> Any:
    """The application."""
    from fastapi import FastAPI, HTTPException
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    ids = json.loads((folder / "ids.json").read_text("utf-8"))
    users, items = np.load(folder / "user_factors.npy"), np.load(folder / "item_factors.npy")
    indptr, indices = np.load(folder / "indptr.npy"), np.load(folder / "indices.npy")
    met = csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(len(users), len(items)))
    model = AlternatingLeastSquares(factors=users.shape[1], num_threads=1)
    model.user_factors, model.item_factors = users, items
    rows = {user: row for row, user in enumerate(ids["users"])}
    places = {item: row for row, item in enumerate(ids["items"])}

    app = FastAPI()

    def listed(found: Any, scores: Any) -> Listed:
        pairs = zip(found.tolist(), scores.tolist(), strict=True)
        return Listed(items=[Recommended(item_id=ids["items"][row], score=score) for row, score in pairs])

    @app.get("/api/v1/users/{user_id}/recommendations")
    def recommendations(user_id: str, limit: int = 10) -> Listed:
        row = rows.get(user_id)
        if row is None:
            raise HTTPException(404)
        return listed(*model.recommend(row, met[row], N=limit))

    @app.get("/api/v1/items/{item_id}/similar")
    def similar(item_id: str, limit: int = 10) -> Listed:
        row = places.get(item_id)
        if row is None:
            raise HTTPException(404)
        return listed(*model.similar_items(row, N=limit))

    return app


def main(folder: Path) -> int:
    """Serve until told to stop; says its port on stdout first."""
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    config = uvicorn.Config(application(folder), log_level="error", access_log=False)
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    uvicorn.Server(config).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
