"""COCO: who took which online course when, and what the catalogue says of the courses.

Dessì, Fenu, Marras, Reforgiato Recupero: *COCO: Semantic-Enriched Collection of Online Courses at Scale*, WorldCIST
2018; catalogue graph: Balloccu, 2024. A course's categories are its broad and its narrow category, its tags the level,
the language and the concepts it teaches. The target audiences are left out: the graph gives the same ones to half of
all courses. The files that are there of `train.txt`, `valid.txt` and `test.txt` are one history; it is split anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import TABS, columns, find, first_line, need, pairs
from tacit.data.readers.reader import Opened, Reader
from tacit.data.readers.tags import MAX_TAGS

NAME = "coco-courses"
HISTORY = ("train.txt", "valid.txt", "test.txt")
CATALOG = ("i2kg_map.txt", "kg_final.txt", "e_map.txt", "r_map.txt")
EMPTY_CATEGORIES = frozenset({"other"})
SPELLINGS = {"it": "IT", "seo": "SEO", "sap": "SAP", "3d": "3D"}
"""Words of category slugs that are abbreviations."""
LEVELS = {"esperto": "expert"}
"""One level of four is named in Italian."""

Facts = Mapping[str, tuple[str, ...]]
"""What the graph says of one course: names of the entities it points at, by relation."""

ENROLMENTS = TableSpec(
    user="0",
    item="1",
    time="3",
    time_format="seconds",
    delimiter="\t",
    header=False,
    quoted=False,
    merge="sum",
)


def recognises(path: Path) -> bool:
    return (
        path.is_dir()
        and first_line(find(path, "i2kg_map.txt")).startswith("eid\tpid\tname")
        and first_line(find(path, "kg_final.txt")).startswith("entity_head\trelation\tentity_tail")
    )


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    need(path, "test.txt")
    tables = tuple((table, ENROLMENTS) for name in HISTORY if (table := find(path, name)) is not None)
    files = tuple(need(path, name) for name in CATALOG)
    courses, graph, entities, relations = files
    catalog, skipped = read_catalog(courses, graph=graph, entities=entities, relations=relations)
    yield Opened(Source(NAME, tables, catalog_files=files, catalog_skipped=skipped), catalog)


def read_catalog(
    courses: Path, *, graph: Path, entities: Path, relations: Path
) -> tuple[tuple[Item, ...], Mapping[str, int]]:
    """The courses with what the graph knows of them, and what could not be used, by reason.

    `entity_unknown` counts facts about entities or relations that no file names.
    """
    skipped: Counter[str] = Counter()
    facts = _facts(graph, entities, relations, skipped=skipped)
    rows = columns(courses, ("eid", "pid", "name"), skipped, dialect=TABS)
    return tuple(_item(course, slug, facts.get(entity, {})) for entity, course, slug in rows), +skipped


def _facts(graph: Path, entities: Path, relations: Path, *, skipped: Counter[str]) -> Mapping[str, Facts]:
    names = pairs(entities, ("eid", "name"), skipped, dialect=TABS)
    kinds = pairs(relations, ("id", "name"), skipped, dialect=TABS)
    facts: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for head, relation, tail in columns(graph, ("entity_head", "relation", "entity_tail"), skipped, dialect=TABS):
        if relation not in kinds or tail not in names:
            skipped["entity_unknown"] += 1
            continue
        known = facts[head]
        known[kinds[relation]] = (*known.get(kinds[relation], ()), names[tail])
    return facts


def _item(course: str, slug: str, facts: Facts) -> Item:
    categories = (name for name in facts.get("belong_to_category", ()) if name not in EMPTY_CATEGORIES)
    levels = (f"level:{LEVELS.get(name, name)}" for name in facts.get("taught_in_level", ()))
    languages = (f"language:{name}" for name in facts.get("taught_in_language", ()))
    concepts = facts.get("related_to_concept", ())
    return Item(
        course,
        readable(slug) or course,
        tuple(readable(name, SPELLINGS) for name in categories),
        (*levels, *languages, *concepts)[:MAX_TAGS],
    )


def readable(slug: str, spellings: Mapping[str, str] | None = None) -> str:
    """A slug as a title: `it-and-software` becomes `It and software`, or `IT and software` if so spelled."""
    words = [(spellings or {}).get(word, word) for word in slug.split("-") if word]
    title = " ".join(words)
    return title[:1].upper() + title[1:]


READER = Reader(
    name=NAME,
    summary="COCO online courses: timed enrolments; categories, concepts, level and language of each course.",
    looks_for="a folder with test.txt, i2kg_map.txt, kg_final.txt, e_map.txt and r_map.txt",
    recognises=recognises,
    open=opened,
    dataset=lambda _: NAME,
    aliases=("coco",),
)
