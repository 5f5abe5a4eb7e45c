"""The command line: every operation of the platform from a shell, for people and for scripts."""

from __future__ import annotations


def main() -> None:
    """Run the command that the process was started with, and end the process with its exit code."""
    import sys

    from tacit.entrypoints.cli.program import run

    sys.exit(run(sys.argv[1:]))
