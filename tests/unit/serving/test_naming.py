"""Names that are drawn many at once: as random as any, and nobody's twice."""

from __future__ import annotations

import os
import uuid

from tacit.serving.naming import Names


def test_every_name_is_a_random_uuid_and_none_comes_twice() -> None:
    names = Names()
    drawn = [names() for _ in range(1_000)]
    read = [uuid.UUID(hex=name) for name in drawn]

    assert len(set(drawn)) == 1_000
    assert {(each.version, each.variant) for each in read} == {(4, uuid.RFC_4122)}
    assert len({name[16] for name in drawn}) == 4


def test_a_process_that_was_forked_off_gives_names_of_its_own() -> None:
    names = Names()
    names()
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, names().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reads, 64).decode() != names()
