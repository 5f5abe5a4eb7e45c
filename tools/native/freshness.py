"""Whether the extension in the working tree was built from the sources beside it; one that was not is taken away.

python tools/native/freshness.py    exits 1, saying so, where there is no extension or it was built from others
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASK = "from tacit import _native; print(_native.built_from())"


def source_digest(folder: Path = ROOT / "src" / "native") -> str:
    """SHA-256 (hex) over the native sources, as `built_from.cmake` puts it into the extension."""
    sources = sorted((path for path in folder.iterdir() if path.suffix in {".cpp", ".h"}), key=lambda path: path.name)
    listing = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sources)
    return hashlib.sha256(listing.encode()).hexdigest()


def binary(package: Path = ROOT / "src" / "tacit") -> Path:
    """Where this interpreter looks for the extension in the working tree."""
    return package / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"


def problem(found: str, wanted: str) -> str:
    """What is wrong with an extension that says it was built from `found`; empty: nothing."""
    if not found:
        return "there is no native engine here, or it does not load"
    return "" if found == wanted else "the native engine was built from other sources than these"


def main() -> int:
    """Judge the extension; a stale one is removed, so that nothing runs it by mistake."""
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=False, cwd=ROOT)
    wrong = problem(asked.stdout.strip(), source_digest())
    if wrong:
        binary().unlink(missing_ok=True)
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
