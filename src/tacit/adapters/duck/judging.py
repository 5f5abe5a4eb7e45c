"""The row rules of `tacit.data.validation` as one SQL question: every row with its first reason, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tacit.adapters.duck.connection import literal
from tacit.data.imports import Limits, TableSpec
from tacit.data.tables.parquet import ParquetTable
from tacit.data.tables.text import TextTable
from tacit.data.validation import MIN_VALUE, NULL_TOKENS

BUCKETS = 16
"""Users are spread over this many files, so that each can be merged in memory."""
BAD_BUCKET = 255
"""Where rows that may not enter are set apart."""
MAX_RAW_CHARACTERS = 4096
FILE_STRIDE = 1 << 40
"""A row's place among all rows of an import is `file number * FILE_STRIDE + line`."""

_NULLS = ", ".join(literal(token) for token in NULL_TOKENS)
_GOOD_ID = r"'[^\p{Cc}]*[^\p{Cc} ][^\p{Cc}]*'"
_NOT_FINITE = "('nan', 'inf', 'infinity')"
_COUNT = r"'[+-]?[0-9]+(\.0*)?'"
_NUMBER = r"'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)'"


@dataclass(frozen=True)
class Feed:
    """One table as the judging question sees it.

    Attributes:
        fields: A query over the relation `feed` with the columns `line`, `flag` (a reason found before), `fits`
            (whether it has the right number of fields), what `raw` needs, and one per role.
        raw: The row as it came, an expression that is asked for bad rows only.
        roles: Which of `user`, `item`, `item_or`, `value`, `time` and `title` there are.
        typed: Which of them are numbers already: a double `value`, a `time` in Unix milliseconds.
        time_format: How a `time` that is text is written.
        may_hold_nul: Whether NUL bytes were not looked for yet.
    """

    fields: str
    raw: str
    roles: frozenset[str]
    typed: frozenset[str] = frozenset()
    time_format: str | None = None
    may_hold_nul: bool = False


def text_feed(table: TextTable) -> Feed:
    """The feed of a text table with one interaction per line."""
    layout, separator = table.layout, literal(table.separator)
    positions = layout.positions
    columns = [f'{_field(position, layout.width)} AS "{role}"' for role, position in positions.items()]
    shown = f"replace(text, {separator}, {literal(layout.delimiter)})" if layout.is_quoted else "text"
    fields = f"""
        SELECT line, reason AS flag, len(f) = {layout.width} AS fits, text, raw, {", ".join(columns)}
        FROM (SELECT *, string_split(text, {separator}) AS f FROM feed)"""
    raw = f"coalesce(raw, rtrim({shown}, chr(10)))"
    return Feed(fields, raw, frozenset(positions), time_format=layout.time_format)


def basket_feed(table: TextTable) -> Feed:
    """The feed of a text table with a user and all their items per line; a line nobody can read is one row."""
    words = f"list_filter(string_split(rtrim(text, chr(10)), {literal(table.separator)}), lambda word: word <> '')"
    fields = f"""
        SELECT line, flag, true AS fits, raw, "user", item
        FROM (SELECT line, reason AS flag, raw, f[1] AS "user",
                     unnest(CASE WHEN reason IS NULL THEN f[2:] ELSE [''] END) AS item
              FROM (SELECT *, {words} AS f FROM feed))"""
    return Feed(fields, """coalesce(raw, "user" || ' ' || item)""", frozenset({"user", "item"}))


def parquet_feed(table: ParquetTable) -> Feed:
    """The feed of a Parquet table."""
    roles = [name for name in table.schema.names if name != "line"]
    columns = ", ".join(f'"{role}"' for role in roles)
    fields = f"""
        SELECT line, NULL::VARCHAR AS flag, true AS fits, {columns} FROM feed"""
    typed = frozenset(role for role in roles if table.form_of(role) == "number")
    raw = f"concat_ws(chr(9), {columns})"
    return Feed(fields, raw, frozenset(roles), typed, table.time_format, may_hold_nul=True)


def _field(position: int, width: int) -> str:
    # Only the last field of a line can end in its line feed.
    return f"rtrim(f[{position + 1}], chr(10))" if position == width - 1 else f"f[{position + 1}]"


def judged_rows(feed: Feed, spec: TableSpec, limits: Limits, *, file_number: int, now_ms: int) -> str:
    """A query that gives every row of a table with its verdict.

    Columns: `place`, `user_id`, `item_id` (both NFC), `value`, `last_at_ms`, `title`, `fold`, `reason`, `raw` and
    `bucket`; a row with a reason has no ids and the bucket `BAD_BUCKET`, one without a reason has no raw text.
    """
    reason = _first_reason(feed, spec, limits, latest_ms=now_ms + 1000 * limits.max_future_seconds)
    title = '"title"' if "title" in feed.roles else "NULL::VARCHAR"
    return f"""
        WITH fields AS ({feed.fields}),
             named AS (SELECT * REPLACE ({_item(feed)} AS item), {_value(feed)} AS number, {_time_ms(feed)} AS at_ms
                       FROM fields),
             judged AS (SELECT *, coalesce(flag, {reason}) AS reason FROM named),
             normal AS (SELECT *, CASE WHEN reason IS NULL THEN nfc_normalize("user") END AS user_id,
                               CASE WHEN reason IS NULL THEN nfc_normalize(item) END AS item_id
                        FROM judged)
        SELECT line + {file_number * FILE_STRIDE} AS place, user_id, item_id,
               CASE WHEN reason IS NULL THEN number END AS value,
               CASE WHEN reason IS NULL THEN at_ms END AS last_at_ms,
               CASE WHEN reason IS NULL THEN {title} END AS title,
               {spec.fold}::TINYINT AS fold, reason,
               CASE WHEN reason IS NOT NULL THEN ({feed.raw})[:{MAX_RAW_CHARACTERS}] END AS raw,
               (CASE WHEN reason IS NULL THEN hash(user_id) % {BUCKETS} ELSE {BAD_BUCKET} END)::UTINYINT AS bucket
        FROM normal"""


def _first_reason(feed: Feed, spec: TableSpec, limits: Limits, *, latest_ms: int) -> str:
    rules = [("NOT fits", "'ragged'")]
    if feed.may_hold_nul:
        rules.append(("""contains("user", chr(0)) OR contains(item, chr(0))""", "'nul'"))
    rules += [_id_rule('"user"', "user", limits.max_id_bytes), _id_rule("item", "item", limits.max_id_bytes)]
    if "value" in feed.roles:
        rules.append(_typed_value_rule(spec) if "value" in feed.typed else _text_value_rule(spec))
        rules.append((f"number NOT BETWEEN {MIN_VALUE!r} AND {limits.max_value!r}", "'value_range'"))
    if "time" in feed.roles:
        missing = '"time" IS NULL' if "time" in feed.typed else f'"time" IS NULL OR "time" IN ({_NULLS})'
        rules += [(missing, "'time_missing'"), ("at_ms IS NULL", "'time_format'")]
        rules.append((f"at_ms NOT BETWEEN 0 AND {latest_ms}", "'time_range'"))
    return _first(rules)


def _first(rules: Sequence[tuple[str, str]], otherwise: str = "NULL") -> str:
    return "CASE " + " ".join(f"WHEN {rule} THEN {reason}" for rule, reason in rules) + f" ELSE {otherwise} END"


def _is_missing(column: str) -> str:
    return f"{column} IS NULL OR {column} IN ({_NULLS}) OR trim({column}) = ''"


# A good value passes one expression; only of the others it is asked what is wrong with them.


def _id_rule(column: str, role: str, max_id_bytes: int) -> tuple[str, str]:
    written = f"regexp_full_match({column}, {_GOOD_ID})"
    good = f"{written} AND {column} NOT IN ({_NULLS}) AND strlen({column}) <= {max_id_bytes}"
    why = [(_is_missing(column), f"'{role}_missing'"), (f"strlen({column}) > {max_id_bytes}", f"'{role}_too_long'")]
    return f"NOT coalesce({good}, false)", _first(why, f"'{role}_control'")


def _text_value_rule(spec: TableSpec) -> tuple[str, str]:
    good = f'regexp_full_match("value", {_COUNT if spec.value_kind == "count" else _NUMBER})'
    why = [
        (f'"value" IS NULL OR "value" IN ({_NULLS})', "'value_missing'"),
        (f"""ltrim(lower("value"), '+-') IN {_NOT_FINITE}""", "'number_not_finite'"),
    ]
    return f"NOT coalesce({good}, false)", _first(why, "'number'")


def _typed_value_rule(spec: TableSpec) -> tuple[str, str]:
    good = 'isfinite("value")' + (' AND "value" = trunc("value")' if spec.value_kind == "count" else "")
    why = [('"value" IS NULL', "'value_missing'"), ('NOT isfinite("value")', "'number_not_finite'")]
    return f"NOT coalesce({good}, false)", _first(why, "'number'")


def _item(feed: Feed) -> str:
    if "item_or" not in feed.roles:
        return "item"
    named = f"NOT ({_is_missing('item_or')})"
    return f"CASE WHEN ({_is_missing('item')}) AND {named} THEN 'name:' || item_or ELSE item END"


def _value(feed: Feed) -> str:
    if "value" not in feed.roles:
        return "1.0::DOUBLE"
    # Digits beyond all doubles are out of range, not missing.
    return '"value"' if "value" in feed.typed else "coalesce(try_cast(\"value\" AS DOUBLE), 'inf')"


def _time_ms(feed: Feed) -> str:
    """Unix milliseconds of a row's time, or NULL where it is not written as declared."""
    if "time" not in feed.roles:
        return "NULL::BIGINT"
    if "time" in feed.typed:
        return '"time"'
    if feed.time_format == "seconds":
        number = r"""regexp_full_match("time", '-?[0-9]+(\.[0-9]*)?')"""
        return f"""CASE WHEN {number} THEN try_cast(try_cast("time" AS DECIMAL(18, 3)) * 1000 AS BIGINT) END"""
    if feed.time_format == "milliseconds":
        return """CASE WHEN regexp_full_match("time", '-?[0-9]+') THEN try_cast("time" AS BIGINT) END"""
    if feed.time_format == "iso":
        date = """regexp_matches("time", '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)')"""
        return f"""CASE WHEN {date} THEN epoch_ms(try_cast("time" AS TIMESTAMPTZ)) END"""
    return f"""epoch_ms(try_strptime("time", {literal(feed.time_format or "")}))"""
