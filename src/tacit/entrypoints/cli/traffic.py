"""The command that sends simulated people to a running platform, so that there is something to see."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.data.visit_times import Curve, Pace
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.render import facts, say, show, table
from tacit.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.entrypoints.cli.visit_tally import Tally
    from tacit.entrypoints.cli.visits import Traffic


def traffic_commands(app: typer.Typer) -> None:
    """Add it to the program."""
    command(app, "traffic")(traffic)


def traffic(
    asked: Asked,
    address: Annotated[
        str | None, typer.Argument(help="Of the platform; the one on this machine unless given.", show_default=False)
    ] = None,
    *,
    rate: Annotated[float, typer.Option(help="Questions a minute, on average.")] = 40.0,
    curve: Annotated[Curve, typer.Option(help="The same at any time, or as a day has it.")] = "flat",
    speed: Annotated[float, typer.Option(help="With `--curve day`: how many times as fast a day goes by.")] = 1.0,
    duration: Annotated[
        float | None, typer.Option(help="Seconds; until Ctrl-C unless given.", min=1, show_default=False)
    ] = None,
    users: Annotated[int, typer.Option(help="People who come often.", min=1, max=100_000)] = 200,
    seed: Annotated[int, typer.Option(help="The same seed: the same people with the same tastes.", min=0)] = 1,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds an API key; - for standard input.", show_default=False)
    ] = None,
) -> None:
    """Send simulated people to a running platform: they ask, click what they like, and do something with it.

    Each has tastes that the platform is never told, so that its click-through rate means something.
    """
    from tacit.entrypoints.cli.visits import Traffic

    settings = asked.settings().settings
    pace = Pace(rate, curve, speed)
    wanted = Traffic(pace, seed, math.inf if duration is None else duration, users, settings.events.profile)
    place = address or f"http://127.0.0.1:{settings.port}"
    found = asyncio.run(_sent(place, wanted, key=_key(key_file)))
    show(found, lambda: _summary(found), is_json=asked.is_json)


async def _sent(address: str, wanted: Traffic, *, key: str | None) -> dict[str, Any]:
    """What came of it; Ctrl-C ends it early, and in order."""
    from tacit.entrypoints.cli.visit_tally import Tally
    from tacit.entrypoints.cli.visiting import Visitors
    from tacit.entrypoints.cli.visits import Visits

    tally, over = Tally(), asyncio.Event()
    platform = Visitors(address, api_key=key, on_dropped=tally.gave_up)
    try:
        there = await platform.look_around(wanted.users)
        with _heeding(over):
            visits = Visits(platform, wanted, there, tally=tally, told=lambda seconds: _tell(tally, seconds))
            seconds = await visits.run(over)
    finally:
        report = await platform.close()
    return {"address": address, "seed": wanted.seed, **tally.told(seconds, report)}


@contextmanager
def _heeding(over: asyncio.Event) -> Iterator[None]:
    """Have a signal end the traffic, and not the command."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    # Outside the main thread, and where there are no such signals, whoever runs this ends it in another way.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in numbers:
            loop.add_signal_handler(number, over.set)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in numbers:
                loop.remove_signal_handler(number)


def _key(file: Path | None) -> str | None:
    """The key in a file; on the command line everybody on the machine could read it.

    Raises:
        BadInput: `key_unreadable`.
    """
    if file is None:
        return None
    try:
        return (typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8")).strip()
    except (OSError, UnicodeDecodeError) as problem:
        fix = "Name a file that holds a key and nothing else, as `tacit keys create` shows it."
        raise BadInput("key_unreadable", "The key cannot be read from there.", field="key_file", fix=fix) from problem


def _tell(tally: Tally, seconds: float) -> None:
    told = tally.told(seconds)
    lists = told["lists"]
    failed = f", {sum(told['failed'].values())} failed" if told["failed"] else ""
    say(
        f"  {seconds:.0f} s: {told['asked']} questions, {told['per_minute']:g} a minute; "
        f"{lists['clicked']} of {lists['shown']} lists clicked{failed}"
    )


def _summary(found: Mapping[str, Any]) -> Iterable[RenderableType]:
    events, latency = found["events"], found["latency_ms"]
    dropped = sum(events["dropped"].values())
    yield facts(
        {
            "asked": f"{found['asked']} in {found['seconds']:g} s, {found['per_minute']:g} a minute",
            "questions": _counts(found["questions"]),
            "unknown users": found["unknown_users"],
            "failed": _counts(found["failed"]) or "none",
            "degraded": found["degraded"],
            "late": found["late"],
            "events": f"{events['stored']} stored, {events['unsent']} unsent, {dropped} dropped",
            "answered in": f"{latency['p50']} ms (half), {latency['p95']} ms (95 %), {latency['p99']} ms (99 %)",
        }
    )
    yield ""
    columns = ("lists", "shown", "clicked", "CTR", "expected CTR")
    rows = [("all", found["lists"]), *found["sources"].items(), *found["versions"].items()]
    yield table(columns, (_row(name, each) for name, each in rows), numbers=columns[1:])


def _row(name: str, lists: Mapping[str, Any]) -> tuple[object, ...]:
    return name, lists["shown"], lists["clicked"], f"{lists['ctr']:.1%}", f"{lists['expected_ctr']:.1%}"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items())
