"""May this .npy file be loaded? Its header against its real size, before a byte is allocated."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from tacit.errors import Refused

_PLAIN_KINDS = frozenset("biufSU")
_FIX = "Write it anew with `numpy.save`, as plain numbers or text."


@dataclass(frozen=True)
class ArrayHeader:
    """What a .npy file says it holds, once its size has confirmed it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool


def array_header(path: Path) -> ArrayHeader:
    """Read the header of a .npy file of plain numbers or fixed-width text.

    Raises:
        Refused: `artifact_format` if it is no such file (objects and records are refused, so nothing is ever
            unpickled); `array_size_mismatch` if header and file disagree on the number of bytes.
    """
    with path.open("rb") as stream:
        header = _read_header(stream, path.name)
        expected = stream.tell() + math.prod(header.shape) * header.dtype.itemsize
        actual = os.fstat(stream.fileno()).st_size
    if actual != expected:
        raise Refused(
            "array_size_mismatch",
            f"{path.name}: its header asks for {expected} bytes, the file has {actual}.",
            field=path.name,
            fix=_FIX,
        )
    return header


def _read_header(stream: BinaryIO, name: str) -> ArrayHeader:
    try:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of the format is not used here")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(stream)
    except OSError:
        raise
    except Exception as error:
        # A crafted header makes the parser fail in many ways (ValueError, TokenError, RecursionError, MemoryError).
        raise _not_an_array(name, f"its header cannot be read: {ascii(str(error))[:64]}") from error
    if dtype.hasobject or dtype.kind not in _PLAIN_KINDS:
        raise _not_an_array(name, f"it holds {ascii(str(dtype))[:64]}, not plain numbers or text")
    if any(length < 0 for length in shape):
        raise _not_an_array(name, "a dimension is negative")
    return ArrayHeader(shape=tuple(int(length) for length in shape), dtype=dtype, is_fortran=is_fortran)


def _not_an_array(name: str, problem: str) -> Refused:
    return Refused("artifact_format", f"{name}: {problem}.", field=name, fix=_FIX)
