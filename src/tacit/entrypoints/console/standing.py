"""How each thing that the platform stands on is, in the words of whoever looks at it (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tacit.entrypoints.console import wording


@dataclass(frozen=True)
class Standing:
    """One part, and how it is.

    Attributes:
        name: The part.
        state: `good`, `warn` or `bad`.
        said: The same in a word.
        note: What is known of it.
    """

    name: str
    state: str
    said: str
    note: str = ""


def standings(components: Mapping[str, Any]) -> list[Standing]:
    """Every part that components tell of, in the order in which one looks."""
    found = [_model(components["model"]), _registry(components["registry"]), _events(components["events"])]
    found += [_exposures(components["exposures"])]
    lost = str(components["registry"]["lost"])
    found += [_breaker(name, is_open, lost) for name, is_open in components.get("breakers", {}).items()]
    if "memory" in components:
        found.append(_memory(components["memory"]))
    if components.get("workers") is not None:
        found.append(_workers(components["workers"]))
    return found


def _model(model: Mapping[str, Any]) -> Standing:
    if model["version"] is None:
        return Standing("Model", "bad", "none", "no verified version answers")
    if model["refused"] is not None:
        refused = model["refused"]
        return Standing("Model", "warn", "refused", f"version {refused['version']} was not loaded ({refused['code']})")
    return Standing("Model", "good", "serving", f"{model['version']}")


def _registry(registry: Mapping[str, Any]) -> Standing:
    lost = registry["lost"]
    if lost is not None:
        since = "" if registry["lost_since_ms"] is None else f" since {wording.time_of_day(registry['lost_since_ms'])}"
        return Standing("Registry", "warn", "out of sight", f"{lost}{since}; the version in memory goes on answering")
    return Standing("Registry", "good", "in sight", "followed every second")


def _events(events: Mapping[str, Any] | None) -> Standing:
    if events is None:
        return Standing("Event log", "good", "elsewhere", "another process of this home takes events")
    if events["refusal"] is not None:
        return Standing("Event log", "bad", "refusing", str(events["refusal"]))
    if events["hindrance"] is not None:
        return Standing("Event log", "warn", "hindered", str(events["hindrance"]))
    if events["is_space_low"]:
        return Standing("Event log", "warn", "little space", "the disk is nearly full")
    return Standing("Event log", "good", "taking events", f"{wording.number(events['lag'])} behind")


def _exposures(exposures: Mapping[str, int]) -> Standing:
    dropped = exposures["dropped"]
    if dropped:
        return Standing("Exposures", "warn", "dropping", f"{wording.number(dropped)} were not written down")
    return Standing("Exposures", "good", "written", f"{wording.number(exposures['written'])} lists written down")


def _breaker(name: str, is_open: bool, lost: str) -> Standing:
    if name == "database" and lost.startswith("database_") and not is_open:
        return Standing(name.capitalize(), "bad", "away", "asked every second; too few calls fail to spare the others")
    if is_open:
        return Standing(name.capitalize(), "bad", "spared", "calls fail, and are not made until one is tried again")
    return Standing(name.capitalize(), "good", "answering", "no call is spared")


def _memory(memory: Mapping[str, Any]) -> Standing:
    share, step = memory["share"], memory["step"]
    note = f"{wording.percent(share, 0)} in use" if share is not None else "not known here"
    if step:
        return Standing("Memory", "warn" if step < 2 else "bad", "scarce", f"{note}, step {step:.0f} of 3")
    return Standing("Memory", "good", "enough", note)


def _workers(workers: list[Mapping[str, Any]]) -> Standing:
    serving = sum(each["state"] == "serving" for each in workers)
    state = "good" if serving == len(workers) else "warn" if serving else "bad"
    return Standing("Workers", state, f"{serving} of {len(workers)}", "answer side by side")
