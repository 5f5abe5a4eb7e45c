"""Commands on who is kept out, and how strictly: blocks with their appeals and reviews, and strict mode."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from tacit.security.blocks import Block

BlockId = Annotated[str, typer.Argument(metavar="BLOCK", help="Id of the block.")]
Reason = Annotated[str, typer.Option(help="Why; whoever looks at it later reads this.")]


def guard_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    blocks = typer.Typer(help="See who is kept out, and decide who is.", no_args_is_help=True)
    command(blocks, "list")(list_blocks)
    command(blocks, "add")(add_block)
    command(blocks, "remove")(remove_block)
    command(blocks, "appeal")(note_appeal)
    command(blocks, "review")(review_block)
    app.add_typer(blocks, name="blocks")
    limits = typer.Typer(help="See and switch how much may be asked.", no_args_is_help=True)
    command(limits, "show")(show_limits)
    command(limits, "strict")(switch_strict)
    app.add_typer(limits, name="limits")


def list_blocks(
    asked: Asked,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Those that ended or were lifted, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 100,
) -> None:
    """List who is kept out, why and until when."""
    from tacit.bootstrap.guarding import guard_desk
    from tacit.security.guard_desk import described

    with asked.opened() as app:
        desk = guard_desk(app)
        found, now = desk.blocks(limit=limit, holding=not all_), desk.clock_ms()
    rows = [
        (each.block_id, each.caller, _time(each.until_ms), each.by, each.level, _standing(each, now), each.reason)
        for each in found
    ]
    human = table(("id", "caller", "until", "by", "level", "stands", "reason"), rows)
    show([described(each, now) for each in found], lambda: [human], is_json=asked.is_json)


def add_block(
    asked: Asked,
    caller: Annotated[str, typer.Argument(metavar="CALLER", help="Address, network, or name of a key or account.")],
    *,
    reason: Reason,
    seconds: Annotated[float, typer.Option("--for", metavar="SECONDS", help="How long.")] = 3_600.0,
) -> None:
    """Keep a caller out for a while; running servers do within two seconds."""
    from tacit.bootstrap.guarding import guard_desk

    with asked.opened() as app:
        made = guard_desk(app).block(caller, seconds=seconds, reason=reason, actor=actor())
    _show(asked, made)


def remove_block(asked: Asked, block_id: BlockId, *, reason: Reason) -> None:
    """Let a caller in again."""
    from tacit.bootstrap.guarding import guard_desk

    with asked.opened() as app:
        lifted = guard_desk(app).lift(block_id, actor=actor(), reason=reason)
    _show(asked, lifted)


def note_appeal(
    asked: Asked, block_id: BlockId, text: Annotated[str, typer.Argument(metavar="TEXT", help="What was said.")]
) -> None:
    """Note what somebody says against a block."""
    from tacit.bootstrap.guarding import guard_desk

    with asked.opened() as app:
        noted = guard_desk(app).appeal(block_id, text, actor=actor())
    _show(asked, noted)


def review_block(
    asked: Asked,
    block_id: BlockId,
    decision: Annotated[Literal["kept", "lifted"], typer.Argument(help="What came of it.")],
    *,
    finding: Annotated[str, typer.Option(help="What you found.")],
) -> None:
    """Say what came of looking at a block again."""
    from tacit.bootstrap.guarding import guard_desk

    with asked.opened() as app:
        reviewed = guard_desk(app).review(block_id, decision=decision, finding=finding, actor=actor())
    _show(asked, reviewed)


def show_limits(asked: Asked) -> None:
    """Show how much may be asked now, by whom."""
    from tacit.bootstrap.guarding import guard_desk, tiers_of

    with asked.opened() as app:
        is_strict, tiers = guard_desk(app).is_strict(), tiers_of(app.settings)
        is_on = app.settings.limits.enabled
    share = tiers.strict_share if is_strict else 1.0
    found = {
        "enabled": is_on,
        "strict": is_strict,
        "anonymous_per_minute": max(1, int(tiers.anonymous_per_minute * share)),
        "authenticated_per_minute": max(1, int(tiers.authenticated_per_minute * share)),
        "session_per_day": max(1, int(tiers.session_per_day * share)),
    }
    show(found, lambda: [facts(found)], is_json=asked.is_json)


def switch_strict(
    asked: Asked,
    state: Annotated[Literal["on", "off"], typer.Argument(help="Whether every limit is a fraction of itself.")],
    *,
    reason: Reason,
) -> None:
    """Make every limit a fraction of itself, or what it was; running servers do within two seconds."""
    from tacit.bootstrap.guarding import guard_desk

    with asked.opened() as app:
        is_changed = guard_desk(app).be_strict(state == "on", actor=actor(), reason=reason)
    found = {"strict": state == "on", "changed": is_changed}
    show(found, lambda: [facts(found)], is_json=asked.is_json)


def _show(asked: Asked, block: Block) -> None:
    from tacit.bootstrap.repeating import now_ms
    from tacit.security.guard_desk import described

    found = described(block, now_ms())
    show(found, lambda: [facts(found)], is_json=asked.is_json)


def _standing(block: Block, now_ms: int) -> str:
    if block.lifted_at_ms is not None:
        return "lifted"
    return "holds" if block.holds_at(now_ms) else "over"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")
