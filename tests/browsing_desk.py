"""A running platform for whoever looks around: every route, a small community with moods, and its clock at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.operations import further_routes
from tests.apis import api_of
from tests.catalogues import QUICK, Shelf, stock
from tests.stages import listening


@contextmanager
def browsing_desk(home: Path, **flags: object) -> Iterator[Shelf]:
    """The platform over a new home, as `tacit serve` wires it, without pages."""
    stock(home)
    with build(load_settings(flags={"home": home, **QUICK, **flags}, environ={})) as app, serving(app) as parts:
        api = api_of(parts, extra_routers=further_routes(app, parts))
        with listening(api) as client:
            yield Shelf(app, parts, client)
