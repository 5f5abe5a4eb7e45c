"""How much memory a piece of work took, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


class PeakMemory:
    """A `MemoryMeter` over the kernel's high-water mark of this process, which can be set back.

    Args:
        process: Where the kernel tells of this process, for tests.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        self._process = process
        self._is_reset = False

    def start(self) -> None:
        """Set the mark back to what the process holds now."""
        try:
            (self._process / "clear_refs").write_text("5")
            self._is_reset = True
        except OSError:
            self._is_reset = False

    def peak(self) -> int | None:
        """The mark; `None` where it could not be set back, since then it is somebody else's."""
        try:
            lines = (self._process / "status").read_text("ascii", "replace").splitlines()
        except OSError:
            return None
        marks = [int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM:")]
        return marks[0] if marks and self._is_reset else None
