"""What every guard shares: the files it looks through, read and parsed once."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def parsed_files_are_left_alone() -> Iterator[None]:
    """Millions of nodes live as long as the tests do: no collection of the tests that follow looks through them."""
    yield
    gc.freeze()
