"""The door of Celery: `celery -A tacit.entrypoints.celery_worker worker`, and `beat`.

The settings are those of the environment and of `tacit.toml`, as for every other process.
"""

from __future__ import annotations

from tacit.bootstrap import load_settings
from tacit.bootstrap.jobs import celery_worker
from tacit.entrypoints.cli.logs import log_to_stderr

app = celery_worker(load_settings(), log=lambda: log_to_stderr("info"))
