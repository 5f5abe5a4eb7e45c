"""A .npy file's header against its size, before anything is allocated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from tacit.errors import Refused
from tacit.registry.arrays import array_header


def crafted(path: Path, header: str, payload: bytes = b"") -> Path:
    """A file with any header one likes, as an attacker would write it."""
    body = header.encode("latin-1")
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body + payload)
    return path


def code_of(path: Path) -> str:
    with pytest.raises(Refused) as refusal:
        array_header(path)
    assert path.name in refusal.value.detail
    return refusal.value.code


@pytest.mark.parametrize(
    "array", [np.zeros((3, 2), "f4"), np.zeros((0, 5), "i8"), np.array(1.0), np.array(["ab", "c"])]
)
def test_an_honest_file_tells_its_shape_and_type(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)

    header = array_header(tmp_path / "a.npy")

    assert (header.shape, header.dtype) == (array.shape, array.dtype)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_one_byte_off_its_header_is_refused(tmp_path: Path, change: int) -> None:
    np.save(tmp_path / "a.npy", np.arange(10))
    raw = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(raw[:change] if change < 0 else raw + b"\0")

    assert code_of(tmp_path / "a.npy") == "array_size_mismatch"


def test_a_header_that_asks_for_terabytes_is_refused_without_allocating_them(tmp_path: Path) -> None:
    path = crafted(tmp_path / "a.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n")

    assert code_of(path) == "array_size_mismatch"


def test_dimensions_whose_product_overflows_64_bits_to_zero_are_refused(tmp_path: Path) -> None:
    path = crafted(tmp_path / "a.npy", f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**32}, {2**32})}}\n")

    assert code_of(path) == "array_size_mismatch"


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').getpid(),)}\n",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}\n",
        "no header at all\n",
        "(" * 9000,
    ],
)
def test_a_header_of_objects_or_nonsense_is_refused(tmp_path: Path, header: str) -> None:
    assert code_of(crafted(tmp_path / "a.npy", header, b"\0" * 8)) == "artifact_format"


def test_an_array_of_pickled_objects_is_refused_and_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))

    assert code_of(tmp_path / "a.npy") == "artifact_format"


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"\x93NUMPY\x09\x00", b"\x93NUMPY\x01\x00\xff\xff"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(raw)

    assert code_of(tmp_path / "a.npy") == "artifact_format"


def test_a_header_of_the_second_format_version_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        npy.write_array(stream, np.arange(3), version=(2, 0))

    assert array_header(tmp_path / "a.npy").shape == (3,)
