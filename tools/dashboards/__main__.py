"""Writes `deploy/grafana`, or with `--check` tells what there is not what the code says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.dashboards.building import SOURCE, json_of
from tools.dashboards.documents import MLOPS, RECOMMENDATION_SYSTEM, SIX_PANELS
from tools.dashboards.journeys import PLAY, REQUEST, VERSION

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
BOARDS = (SIX_PANELS, MLOPS, RECOMMENDATION_SYSTEM, PLAY, REQUEST, VERSION)

DATASOURCE = f"""\
# Where Grafana reads: made by `python -m tools.dashboards`.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: {SOURCE}
    type: prometheus
    access: proxy
    url: ${{GRAFANA_PROMETHEUS_URL}}
    isDefault: true
    jsonData:
      timeInterval: 10s
"""
PROVIDER = """\
# Which dashboards Grafana shows: made by `python -m tools.dashboards`.
apiVersion: 1
providers:
  - name: tacit
    folder: Tacit
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: ${GRAFANA_DASHBOARDS}
"""


def files() -> Mapping[str, str]:
    """What belongs into the folder, by name."""
    boards = {f"dashboards/{board.name}.json": json_of(board) for board in BOARDS}
    return {
        **boards,
        "provisioning/datasources/tacit.yaml": DATASOURCE,
        "provisioning/dashboards/tacit.yaml": PROVIDER,
    }


def stale(folder: Path = FOLDER) -> list[str]:
    """Files that are missing, other than the code says, or left over."""
    wanted = files()
    there = {str(path.relative_to(folder)) for path in folder.rglob("*.json")}
    changed = [name for name, text in wanted.items() if _text(folder / name) != text]
    return sorted([*changed, *(there - wanted.keys())])


def write(folder: Path = FOLDER) -> None:
    """Make the folder what the code says."""
    for name in stale(folder):
        (folder / name).unlink(missing_ok=True)
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def main(arguments: list[str]) -> int:
    """Write, or check."""
    if "--check" not in arguments:
        write()
        return 0
    found = stale()
    for name in found:
        print(f"{FOLDER.relative_to(ROOT) / name} is not what the code says; run python -m tools.dashboards")
    return 1 if found else 0


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
