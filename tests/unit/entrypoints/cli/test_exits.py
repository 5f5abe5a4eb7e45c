"""Every kind of error has an exit code of its own, and every exit code a meaning."""

from __future__ import annotations

import pytest

from tacit.entrypoints.cli.exits import MEANINGS, exit_code_of
from tacit.errors import BadInput, Misconfigured, NotFound, Refused, TacitError, Unavailable


def test_every_kind_of_error_has_an_exit_code_of_its_own_that_is_documented() -> None:
    codes = [exit_code_of(kind("code", "Detail.")) for kind in TacitError.__subclasses__()]

    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(MEANINGS) - {0, 1, 2, 130}


@pytest.mark.parametrize(
    ("kind", "code"), [(NotFound, 3), (Refused, 4), (BadInput, 5), (Unavailable, 6), (Misconfigured, 78)]
)
def test_exit_codes_are_those_that_scripts_were_promised(kind: type[TacitError], code: int) -> None:
    assert exit_code_of(kind("code", "Detail.")) == code
