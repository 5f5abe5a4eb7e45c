"""A platform that takes events on a port until it is killed.

`python -m tests.faults.event_server_child HOME PORT`; it says `listening` once it does.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.server import ApiServer


def main(home: Path, port: int) -> None:
    flags = {"home": home, "events.unknown_items": "accept", "als.engine": "numpy"}
    with build(load_settings(flags=flags, environ={})) as app, serving(app) as parts:
        api = create_app(parts.service, parts.pool, parts.metrics, version="0", intake=parts.intake)
        server = ApiServer(api, port=port)
        # When it has ended the server raises the signal once more; unheeded, that would end us before what is open.
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        print("listening", flush=True)
        server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
