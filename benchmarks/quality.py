"""How good the lists are on published splits: settings found on a fold of the training part, tested once.

Any folder with `train.txt[.gz]` and `test.txt[.gz]` will do, or a folder of such folders; without one, the three
splits whose published figures stand beside ours.  Nothing here depends on which split it is.  Recall@20 and NDCG@20
over the whole catalogue, training items left out, as in the tables of LightGCN and UltraGCN.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import _peers
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._worker import Reading, run_side

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "gowalla": {"UltraGCN": (0.1862, 0.1580), "LightGCN": (0.1830, 0.1554), "NGCF": (0.1570, 0.1327)},
    "ml-1m-ultragcn": {"UltraGCN": (0.2787, 0.2642), "BPR-MF": (0.2532, 0.2440)},
    "amazon-cds": {"UltraGCN": (0.1622, 0.1043), "BPR-MF": (0.1312, 0.0811)},
}
"""Recall@20 and NDCG@20 as printed: Mao et al. (CIKM 2021), He et al. (SIGIR 2020), Open-CF-Benchmark and freerec."""

GOAL = "UltraGCN"
OPEN = {("gowalla", "ndcg@20")}
"""What is not claimed: its distance is printed."""

_VOICES = ("item_knn", "rp3beta", "ease")
"""What can speak alone; EASE^R where the catalogue is small."""

MEASURES = ("recall@20", "ndcg@20")
NEAR = 0.98
"""What part of the search's figures the shipped default must reach."""


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--trials", type=int, default=28, help="configurations the search may try")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which it tries no more, for each split")
    parser.add_argument("--no-peer", action="store_true", help="leave implicit's ALS out")


def measure(options: Options) -> Outcome:
    """Search, refit and test on each split; everything else beside it."""
    splits = found_splits(options.data)
    absent = {} if options.no_peer else _peers.unavailable(["implicit"])
    asks_peer = not options.no_peer and not absent
    found = {split.name: _compared(split, options, asks_peer=asks_peer) for split in splits}
    figure = fmean(each["search"]["recall@20"] for each in found.values())
    return Outcome(
        figure=figure,
        unit="Recall@20" if len(found) == 1 else f"Recall@20, mean of {len(found)} splits",
        goal="Recall@20 and NDCG@20 >= UltraGCN's row where it has one; shipped default >= 0.98 of the search",
        checks={name: kept for split, each in found.items() for name, kept in checks(split, each).items()},
        peers={**dict.fromkeys(absent), **({"implicit": _rows(found, "implicit")} if asks_peer else {})},
        details={
            **{name: _rows(found, name) for name in ("search", "default", "popularity", *_VOICES)},
            "distance_to_ultragcn": {split: distance(split, each["search"]) for split, each in found.items()},
            "default_to_search": {split: default_ratio(each) for split, each in found.items()},
            "published": {split: dict(PUBLISHED[split]) for split in found if split in PUBLISHED},
            "cpu_seconds": {split: each["cpu_seconds"] for split, each in found.items()},
            "splits": found,
            "peers_missing": absent,
            "versions": _peers.versions(),
        },
    )


def found_splits(data: Path | None) -> list[Path]:
    """The folders of splits: the one named, those in it, or the published three.

    Raises:
        FileNotFoundError: There is none.
    """
    home = data or Path(__file__).parents[2] / "shared" / "data"
    if _is_split(home):
        return [home]
    splits = sorted(each for each in home.iterdir() if _is_split(each)) if home.is_dir() else []
    if data is None:
        splits = [each for each in splits if each.name in PUBLISHED]
    if not splits:
        raise FileNotFoundError(f"no train.txt and test.txt, packed or not, in {home} or its folders")
    return splits


def _is_split(folder: Path) -> bool:
    return all((folder / name).exists() or (folder / f"{name}.gz").exists() for name in ("train.txt", "test.txt"))


def _compared(split: Path, options: Options, *, asks_peer: bool) -> dict[str, Any]:
    """All sides on one split, each in a process of its own."""
    name = str(split.resolve())
    say(f"{split.name}: search")
    ours = _side("searched", options, split=name, trials=options.trials, minutes=options.minutes)
    say(f"{split.name}: shipped default and baselines")
    default, base = _side("shipped", options, split=name), _side("baselines", options, split=name)
    sides = {"search": ours, "default": default}
    if asks_peer:
        say(f"{split.name}: implicit")
        most, trials = ours.result["settings"]["factors"], ours.result["factor_trials"]
        sides["implicit"] = _side("peer", options, split=name, trials=trials, most_factors=max(64, most))
    return {
        **{side: reading.result for side, reading in sides.items()},
        **base.result,
        "cpu_seconds": {side: reading.cpu for side, reading in {**sides, "baselines": base}.items()},
        "peak_bytes": {side: reading.peak_bytes for side, reading in sides.items()},
    }


def _side(function: str, options: Options, **arguments: Any) -> Reading:
    arguments["threads"] = options.threads
    return run_side(f"benchmarks._quality_sides:{function}", arguments, threads=options.threads)


def checks(split: str, found: Mapping[str, Any]) -> dict[str, bool]:
    """What must hold on one split, by a name that says it."""
    ours, goal = found["search"], PUBLISHED.get(split, {}).get(GOAL)
    kept = {
        f"{split}: {measure} >= {GOAL}'s {least}": ours[measure] >= least
        for measure, least in zip(MEASURES, goal or (), strict=goal is not None)
        if (split, measure) not in OPEN
    }
    for measure in MEASURES:
        kept[f"{split}: {measure} above popularity"] = ours[measure] > found["popularity"][measure]
        kept[f"{split}: default's {measure} >= {NEAR} of the search's"] = default_ratio(found)[measure] >= NEAR
    return kept


def distance(split: str, ours: Mapping[str, float]) -> dict[str, float] | None:
    """How far ours lies above UltraGCN's row; below it where negative."""
    goal = PUBLISHED.get(split, {}).get(GOAL)
    return None if goal is None else {name: ours[name] - theirs for name, theirs in zip(MEASURES, goal, strict=True)}


def default_ratio(found: Mapping[str, Any]) -> dict[str, float]:
    """The shipped default's figures over the search's."""
    return {name: found["default"][name] / max(found["search"][name], 1e-12) for name in MEASURES}


def _rows(found: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {split: {name: each[side][name] for name in MEASURES} for split, each in found.items() if side in each}


BENCHMARK = Benchmark("quality", (__doc__ or "").partition("\n")[0], measure, options)


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
