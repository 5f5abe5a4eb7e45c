"""The door of a job's own process: `python -m tacit.entrypoints.job_process`, started by whoever runs jobs."""

from __future__ import annotations


def main() -> int:
    """Do the job on stdin; returns the exit code."""
    from tacit.bootstrap.job_work import run_job
    from tacit.entrypoints.cli.logs import log_to_stderr

    log_to_stderr("info")
    return run_job()


if __name__ == "__main__":
    import sys

    sys.exit(main())
