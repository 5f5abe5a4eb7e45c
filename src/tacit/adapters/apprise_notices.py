"""People told through Apprise, past Prometheus and Alertmanager; what hangs is not waited for beyond a deadline."""

from __future__ import annotations

from apprise import Apprise, NotifyType

from tacit.adapters.deadlines import Bulkhead
from tacit.errors import Misconfigured, Unavailable

DEADLINE_SECONDS = 20.0


class AppriseNotifier:
    """A `Notifier` (of `tacit.monitoring.notices`) to addresses as Apprise writes them.

    Args:
        addresses: A comma between two.
        seconds: How long all of them together are waited for.

    Raises:
        Misconfigured: `setting_invalid` where nothing in it is an address; which, it does not say: they hold secrets.
    """

    def __init__(self, addresses: str, *, seconds: float = DEADLINE_SECONDS) -> None:
        self._people, self._seconds = Apprise(), seconds
        self._bulkhead = Bulkhead("notices", threads=2)
        if not self._people.add(addresses):
            raise Misconfigured(
                "setting_invalid",
                "monitoring.notify holds something that is no address of Apprise's.",
                field="monitoring.notify",
                fix="Write each as Apprise does, as in slack://… or mailto://…, with a comma between two.",
            )

    def notify(self, title: str, text: str) -> None:
        try:
            taken = self._bulkhead.run(lambda: self._sent(title, text), self._seconds)
        except Unavailable:
            raise
        except Exception as problem:  # of a hundred services' own code, and none of it may end who watches
            detail = f"A notice could not be handed over ({type(problem).__name__})."
            raise Unavailable("notices_refused", detail) from problem
        if not taken:
            raise Unavailable("notices_refused", "Some address of monitoring.notify did not take a notice.")

    def _sent(self, title: str, text: str) -> bool:
        kind = NotifyType.SUCCESS if title.startswith("[OVER]") else NotifyType.FAILURE
        return bool(self._people.notify(body=text, title=title, notify_type=kind))
