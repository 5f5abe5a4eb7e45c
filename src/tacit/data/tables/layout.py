"""Where everything stands in a table, from its first lines alone (pure)."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tacit.data.imports import TableSpec
from tacit.data.tables.quoting import split_header
from tacit.data.validation import NULL_TOKENS, escaped
from tacit.errors import BadInput

_DELIMITER_NAMES = {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a bar", "::": "two colons", " ": "a space"}
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds since 1973; below it, seconds until 5138."""

_EPOCH_DOUBTFUL_BELOW = 1e8

_WHOLE_NUMBER = re.compile(r"-?\d+(\.\d*)?")


@dataclass(frozen=True)
class TextLayout:
    """Where everything stands in one text table.

    Attributes:
        delimiter: What separates the fields.
        width: Fields a row must have.
        positions: 0-based position of each column by what it is for: `user`, `item`, and `item_or`, `value`, `time`,
            `title` where the table has them.
        has_header: Whether the first line names the columns.
        is_quoted: Whether fields may be quoted.
        time_format: How times are written, once decided.
        warnings: What is odd about it without being wrong (`times_before_1973`).
    """

    delimiter: str
    width: int
    positions: Mapping[str, int]
    has_header: bool
    is_quoted: bool
    time_format: str | None = None
    warnings: tuple[str, ...] = ()


def lay_out(spec: TableSpec, lines: Sequence[str], *, name: str, suffix: str) -> TextLayout:
    r"""Find the columns of a text table.

    Args:
        spec: What was asked for.
        lines: The first lines that are not empty, without their `\n`; at least one.
        name: What the file is called.
        suffix: Its ending (`.csv`), lower case.

    Raises:
        BadInput: `header_missing`, `column_missing`, `column_duplicated`, `delimiter_mismatch`, `timestamp_unit`,
            `time_format`.
    """
    if spec.layout == "baskets":
        return _basket_layout(spec)
    delimiter = spec.delimiter or _usual_delimiter(suffix, lines[0])
    is_quoted = (suffix == ".csv" if spec.quoted is None else spec.quoted) and len(delimiter) == 1
    has_header = not all(column.isdigit() for column in _asked(spec).values()) if spec.header is None else spec.header
    first = split_header(lines[0], delimiter, quoted=is_quoted)
    _refuse_wrong_delimiter(spec, lines[0], delimiter, name=name, has_header=has_header)
    rows = [split_header(line, delimiter, quoted=is_quoted) for line in lines[has_header:]]
    width = len(first) if has_header or not rows else Counter(map(len, rows)).most_common(1)[0][0]
    names = first if has_header else [str(position) for position in range(width)]
    found = find_columns(spec, names, name=name, first_line=lines[0] if has_header else None)
    time = found.get("time")
    times = [row[time] for row in rows if time is not None and len(row) == width]
    time_format = decide_time_format(spec, times, name=name) if time is not None else None
    return TextLayout(
        delimiter,
        width,
        found,
        has_header=has_header,
        is_quoted=is_quoted,
        time_format=time_format,
        warnings=("times_before_1973",) if spec.time_format is None and _starts_elsewhere(times) else (),
    )


def _basket_layout(spec: TableSpec) -> TextLayout:
    return TextLayout(spec.delimiter or " ", 2, {}, has_header=bool(spec.header), is_quoted=False)


def _asked(spec: TableSpec) -> dict[str, str]:
    """The columns a spec asks for, by what they are for."""
    columns = {role: getattr(spec, role) for role in ("user", "item", "item_or", "value", "time", "title")}
    return {role: column for role, column in columns.items() if column is not None}


def _usual_delimiter(suffix: str, line: str) -> str:
    return {".csv": ",", ".tsv": "\t"}.get(suffix) or guess_delimiter(line) or "\t"


def guess_delimiter(line: str) -> str | None:
    """The delimiter that cuts a line into the most fields, or `None` where none occurs."""
    counts = {delimiter: line.count(delimiter) for delimiter in ("\t", "::", ";", "|", ",", " ")}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    # A tab, or a semicolon among decimal commas, is no accident; a space or comma often is.
    likely = [delimiter for delimiter in ("\t", "::", ";", "|", ",") if counts[delimiter]]
    return likely[0] if likely else best if counts[best] else None


def _refuse_wrong_delimiter(spec: TableSpec, line: str, delimiter: str, *, name: str, has_header: bool) -> None:
    if delimiter in line:
        return
    guess = guess_delimiter(line)
    if guess is None or (guess == " " and has_header):
        return
    # A header of another table is told apart from a wrong delimiter by the names it would then hold.
    fields = [field.strip('"') for field in line.split(guess)]
    asked = _asked(spec).values()
    fits = any(column in fields for column in asked) if has_header else len(fields) > 1
    if fits:
        raise BadInput(
            "delimiter_mismatch",
            f"The first line of {name!r} holds no {_DELIMITER_NAMES.get(delimiter, repr(delimiter)).split()[-1]}, "
            f"but {_DELIMITER_NAMES[guess]}: '{escaped(line)}'.",
            field=name,
            fix=f"Give the delimiter as {guess!r}.",
            context={"line": 1, "guess": guess},
        )


def find_columns(spec: TableSpec, names: Sequence[str], *, name: str, first_line: str | None = None) -> dict[str, int]:
    """Position of each column that was asked for, by what it is for (`user`, `item`, …).

    Raises:
        BadInput: `column_missing`, `column_duplicated`, or `header_missing` if `first_line` is given and names none.
    """
    asked = _asked(spec)
    found: dict[str, int] = {}
    for role, column in asked.items():
        if names.count(column) > 1:
            raise BadInput(
                "column_duplicated",
                f"Column '{escaped(column)}' stands {names.count(column)} times in {name!r}.",
                field=column,
                fix="Rename or drop the columns of the same name.",
            )
        if column in names:
            found[role] = names.index(column)
        elif column.isdigit() and int(column) < len(names):
            found[role] = int(column)
    missing = [column for role, column in asked.items() if role not in found]
    if missing:
        raise _missing(missing, names, name=name, first_line=first_line if not found else None)
    return found


def _missing(missing: Sequence[str], names: Sequence[str], *, name: str, first_line: str | None) -> BadInput:
    shown = [escaped(column) for column in names[:32]]
    if first_line is not None and any(_looks_like_value(column) for column in names):
        return BadInput(
            "header_missing",
            f"The first line of {name!r} names no columns: '{escaped(first_line)}'.",
            field=name,
            fix="Name the columns by position (0, 1, …), or add a header line.",
            context={"line": 1, "missing": list(missing)},
        )
    close = [near for column in missing for near in _near(column, names)]
    hint = f" Did you mean '{escaped(close[0])}'?" if close else ""
    return BadInput(
        "column_missing",
        f"{name!r} has no column {', '.join(repr(escaped(column)) for column in missing)}; it has {', '.join(shown)}.",
        field=missing[0],
        fix=f"Name the columns exactly as the file does.{hint}",
        context={"missing": list(missing), "found": shown},
    )


def _near(column: str, names: Sequence[str]) -> list[str]:
    by_folded = {name.strip().casefold(): name for name in names}
    folded = difflib.get_close_matches(column.strip().casefold(), by_folded, n=1)
    return [by_folded[match] for match in folded]


def _looks_like_value(field: str) -> bool:
    return field in NULL_TOKENS or any(character.isdigit() for character in field)


def decide_time_format(spec: TableSpec, samples: Sequence[str], *, name: str) -> str:
    """How a column writes its times: as declared, else as its first values show without doubt.

    Whole numbers below 1e11 (the year 5138) are seconds, from wherever they count, since only their order matters;
    from 1e11 (1973) on they are milliseconds. Larger ones are finer than milliseconds and are refused, as is a mixture.

    Raises:
        BadInput: `timestamp_unit` for numbers of unclear unit, `time_format` for dates of unclear order.
    """
    if spec.time_format is not None:
        return spec.time_format
    written = [sample.strip() for sample in samples if sample not in NULL_TOKENS]
    if not written:
        return "seconds"
    if _ISO_TIME.fullmatch(written[0]):
        return "iso"
    if not _WHOLE_NUMBER.fullmatch(written[0]):
        raise _unclear("time_format", f"writes times like '{escaped(written[0])}'", column=spec.time, name=name)
    sizes = sorted(abs(float(sample)) for sample in written if _WHOLE_NUMBER.fullmatch(sample))
    if sizes[-1] < _MILLISECONDS_FROM:
        return "seconds"
    # A tenth may be odd without changing what the column is; its rows are judged one by one.
    if sizes[len(sizes) // 10] >= _MILLISECONDS_FROM and sizes[-1] < 1e14:
        return "milliseconds"
    raise _unclear("timestamp_unit", f"has times from {sizes[0]:.0f} to {sizes[-1]:.0f}", column=spec.time, name=name)


def _starts_elsewhere(samples: Sequence[str]) -> bool:
    """Whether times are seconds that hardly count from 1970: half of them lie before 1973."""
    numbers = sorted(float(sample) for sample in samples if _WHOLE_NUMBER.fullmatch(sample.strip()))
    return bool(numbers) and numbers[len(numbers) // 2] < _EPOCH_DOUBTFUL_BELOW


def _unclear(code: str, what: str, *, column: str | None, name: str) -> BadInput:
    return BadInput(
        code,
        f"{name!r} {what}, which can be read in more than one way.",
        field=column,
        fix="Declare the time format: seconds, milliseconds, iso, or a pattern such as %d/%m/%Y.",
    )
