"""Who acts: the person at the shell, as the audit trail names them."""

from __future__ import annotations

import getpass
import os


def actor() -> str:
    """Name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return f"uid-{os.getuid()}"
