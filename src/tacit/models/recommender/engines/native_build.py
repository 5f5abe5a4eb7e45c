"""The native extension of this installation, if there is one: what the doctor tells, and what trained a version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NativeBuild:
    """The extension that was found.

    Attributes:
        isa: The instruction set in use: `avx512`, `avx2` or `baseline`.
        available: Those that this processor and this build have, the least first.
        has_openmp: Whether it can use more than one thread.
        built_from: SHA-256 (hex) over the sources it was built from.
    """

    isa: str
    available: tuple[str, ...]
    has_openmp: bool
    built_from: str


def native_build() -> NativeBuild | None:
    """The extension, or nothing where it was not built or does not load here."""
    try:
        from tacit import _native
    except ImportError:
        return None
    return NativeBuild(_native.isa(), tuple(_native.available()), _native.has_openmp(), _native.built_from())
