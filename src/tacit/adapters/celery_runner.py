"""Jobs run by Celery's workers: the broker carries ids alone, and the book says what they mean.

A message may be lost, come twice or come late: a job is begun by whoever claims it in the book, and one that still
waits is told of again.
"""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery
from celery.signals import setup_logging
from kombu.exceptions import OperationalError

from tacit.errors import Unavailable
from tacit.jobs.job import Job

RUN, KEEP = "tacit.run_job", "tacit.keep_jobs"
_MOST_WAITING = 100
"""Messages that may wait for a worker; beyond, a further one would tell nobody anything new."""
_SOCKET_SECONDS = 5.0


def celery_over(url: str, *, namespace: str, keep_seconds: float = 10.0) -> Celery:
    """An application for a broker, that takes JSON and nothing else, and keeps no results.

    Args:
        url: The broker's address.
        namespace: Keeps installations apart that share a broker.
        keep_seconds: How often beat has the jobs looked after.
    """
    app = Celery("tacit", broker=url, set_as_current=False)
    queue = f"tacit-jobs-{namespace}"
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=queue,
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": f"tacit-{namespace}:",
            "socket_timeout": _SOCKET_SECONDS,
            "socket_connect_timeout": _SOCKET_SECONDS,
        },
        # What is due is reckoned from the book; beat has nothing to remember, and writes no file.
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={
            "keep-jobs": {"task": KEEP, "schedule": keep_seconds, "options": {"expires": keep_seconds}},
        },
    )
    return app


def add_tasks(app: Celery, *, run: Callable[[str], None], keep: Callable[[], None]) -> None:
    """Say what a worker does: run the job of an id, and look after all."""
    app.task(run, name=RUN, ignore_result=True)
    app.task(keep, name=KEEP, ignore_result=True)


def log_as_told(configure: Callable[[], None]) -> None:
    """Have workers and beat log as we do, instead of as Celery would."""

    def configured(**_: object) -> None:
        configure()

    setup_logging.connect(configured, weak=False)


class CeleryRunner:
    """A `JobRunner` that tells the workers of a broker which jobs wait."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def wake(self, job: Job) -> None:
        queue = self._app.conf.task_default_queue
        try:
            with self._app.connection_for_write(connect_timeout=_SOCKET_SECONDS) as connection:
                connection.ensure_connection(max_retries=1, timeout=_SOCKET_SECONDS)
                with connection.channel() as channel:
                    waiting = channel.queue_declare(queue=queue, durable=True).message_count
                    if waiting < _MOST_WAITING:
                        self._app.send_task(RUN, [job.job_id], connection=connection, retry=False)
        except (OperationalError, OSError, *self._app.connection().connection_errors) as error:
            raise Unavailable(
                "broker_unavailable",
                f"The broker of background jobs cannot be reached: {type(error).__name__}.",
                field="retraining.broker_url",
                fix="Start it; the job waits until then.",
            ) from error

    def close(self) -> None:
        self._app.close()
