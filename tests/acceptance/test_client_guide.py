"""Every example of the guide to the client runs as it stands there, in order, against a platform that serves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.app import create_app
from tests.shells import environment
from tests.stages import listening, stage
from tools.guards.source import ROOT

GUIDE = ROOT / "docs" / "howto" / "send-events-from-python.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


def test_the_examples_of_the_guide_do_what_it_says(tmp_path: Path) -> None:
    blocks = BLOCK.findall(GUIDE.read_text("utf-8"))
    script = tmp_path / "guide.py"
    flags = {"home": tmp_path / "home", "events.unknown_items": "accept", "als.engine": "numpy"}
    with build(load_settings(flags=flags, environ={})) as app, serving(app) as parts, stage(tmp_path / "shop") as shop:
        shop.release()
        api = create_app(shop.service, shop.pool, parts.metrics, version="0", intake=parts.intake)
        with listening(api) as http:
            script.write_text("\n".join(blocks).replace(ADDRESS, str(http.base_url).rstrip("/")))
            command = [sys.executable, str(script)]
            ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)

    said = ran.stdout.splitlines()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert said[0] == "2 stored, 0 still waiting"
    assert said[1].startswith("personal Artist i")
    assert re.fullmatch(r"[0-9a-f]{32} rejected event_type_unknown Did you mean 'play'\?", said[2])
    assert said[3].startswith("['Artist i")
    assert len(blocks) == 4
