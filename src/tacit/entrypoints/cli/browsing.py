"""Commands on moods and charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import show, table
from tacit.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacit.data.catalog import Item
    from tacit.serving.mood_profiles import MoodProfile

Name = Annotated[str, typer.Argument(metavar="MOOD", help="Its name, as addresses have it: road-trip.")]


def browsing_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    moods = typer.Typer(help="Look at moods, and say what each is known by.", no_args_is_help=True)
    command(moods, "list")(list_moods)
    command(moods, "set")(set_mood)
    command(moods, "forget")(forget_mood)
    app.add_typer(moods, name="moods")
    command(app, "charts")(show_chart)


def list_moods(asked: Asked) -> None:
    """List every mood with what the champion knows of it, and why nothing suits one where that is so."""
    from tacit.bootstrap.browsing import champion_moods

    with asked.opened() as app:
        label, profiles, items = champion_moods(app)
    told = [_told(profile, items) for profile in profiles]
    rows = [(each["mood"], each["items"], each["basis"], ", ".join(each["seeds"][:4])) for each in told]
    columns = ("mood", "items", "basis", "seeds")
    answer = {"version": label, "moods": told}
    show(answer, lambda: [table(columns, rows, numbers=("items",))], is_json=asked.is_json)


def set_mood(
    asked: Asked,
    name: Name,
    *,
    title: Annotated[str | None, typer.Option(help="What a person calls it; else its name.")] = None,
    word: Annotated[
        list[str] | None, typer.Option(metavar="WORD[=WEIGHT]", help="A category or tag, and how much it says.")
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Id of an item that stands for it.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON with title, words and seeds, instead of options.")] = None,
) -> None:
    """Have this be all that is said of a mood; running servers follow within a second or two."""
    said: dict[str, Any] = {"words": dict(map(_word, word or ())), "seeds": list(seed or ())}
    said |= {} if title is None else {"title": title}
    with asked.opened() as app:
        mood, is_new = app.moods.put(name, said if file is None else _read(file), actor=actor())
    answer = {"mood": mood.name, "title": mood.title, "words": dict(mood.words), "seeds": list(mood.seeds)}
    done = "It is a new mood." if is_new else "It is changed."
    show(answer, lambda: [f"{mood.name}: {done}"], is_json=asked.is_json)


def forget_mood(asked: Asked, name: Name) -> None:
    """Forget what was said of a mood: one of the twelve is as it was shipped again, another is gone."""
    with asked.opened() as app:
        app.moods.remove(name, actor=actor())
    show({"mood": name}, lambda: [f"What was said of {name} is forgotten."], is_json=asked.is_json)


def show_chart(
    asked: Asked,
    *,
    category: Annotated[str | None, typer.Option(help="The only category.")] = None,
    count: Annotated[int, typer.Option(help="Items in the chart.", min=1, max=1_000)] = 10,
    trending: Annotated[
        bool, typer.Option("--trending", help="What rose lately, by the events applied so far.")
    ] = False,
) -> None:
    """Show what most users met, or what rose lately."""
    from tacit.bootstrap.browsing import champion_chart

    with asked.opened() as app:
        found: dict[str, Any] = champion_chart(app, category=category, count=count, is_trending=trending)
    rows = [
        (rank, each["title"], each["item_id"], f"{each['score']:.4f}") for rank, each in enumerate(found["items"], 1)
    ]
    if not rows:
        show(found, lambda: ["Nothing rose."], is_json=asked.is_json)
        return
    columns = ("", "title", "item", "score")
    show(found, lambda: [table(columns, rows, numbers=("", "score"))], is_json=asked.is_json)


def _told(profile: MoodProfile, items: Sequence[Item]) -> dict[str, Any]:
    return {
        "mood": profile.mood.name,
        "title": profile.mood.title,
        "words": dict(profile.words),
        "seeds": [items[row].title for row in profile.seeds.tolist()],
        "items": len(profile.found.items),
        "basis": profile.basis,
        "empty_because": profile.why_empty,
        "is_default": profile.mood.is_default,
    }


def _word(text: str) -> tuple[str, float]:
    word, _, weight = text.partition("=")
    try:
        return word, float(weight or 1)
    except ValueError as error:
        detail = f"The weight of {ascii(word)[:64]} is no number."
        raise BadInput("value_range", detail, field="word", fix="Write WORD or WORD=0.5.") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("file_unreadable", f"{file} cannot be read as JSON.", field="file") from error
    if not isinstance(found, dict):
        raise BadInput("type", f"{file} holds no JSON object.", field="file")
    return found
