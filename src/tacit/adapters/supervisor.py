"""Keeps workers alive: starts them, starts others in the place of those that end, and ends all of them when it ends.

It does nothing else, opens no model and no database, and so has little to fail by.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from tacit.adapters.prometheus_families import from_values
from tacit.adapters.spare_keeper import SpareKeeper, SpawnSpare
from tacit.adapters.spare_process import UNSEEN
from tacit.adapters.worker_places import Place, SupervisorRules
from tacit.adapters.worker_process import WorkerProcess
from tacit.monitoring.adding_up import Part, added_up, counts_alone
from tacit.serving.restarts import Ended, is_failing, pause_before_next

log = structlog.get_logger(__name__)

TURN_SECONDS = 0.1
LONG_TURN_SECONDS = 5.0
"""A turn that took so long was not ours: the machine slept, or we did, and silence meanwhile says nothing."""
MEASURE_SECONDS = 5.0
"""How often each is asked what it measured; of one that is killed, what it counted since is lost."""
ASKED_SECONDS = 1.0
UNSTARTED_SECONDS = 2.0

Spawn = Callable[[int, float], WorkerProcess]
"""Starts the process of the worker of a number, from nothing, at a moment of the supervisor's clock."""


class Supervisor:
    """Keeps so many workers alive.

    Args:
        spawn: Starts one.
        rules: How many, and when one is given up.
        on_serving: Told once, when every worker serves or has failed to, of what the first said.
        on_change: Told whenever something changed of how the workers stand, and of which processes stand by.
        spawn_spare: Starts one that stands by, of which others are copies; without it there is none.
        on_ending: Called when all of them are told to end.
        clock: Never goes back.
    """

    def __init__(
        self,
        spawn: Spawn,
        rules: SupervisorRules,
        *,
        on_serving: Callable[[Mapping[str, Any]], None],
        on_change: Callable[[Sequence[Mapping[str, object]], Sequence[int]], None],
        spawn_spare: SpawnSpare | None = None,
        on_ending: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spawn = spawn
        self._rules = rules
        self._on_serving: Callable[[Mapping[str, Any]], None] | None = on_serving
        self._on_change = on_change
        self._on_ending = on_ending
        self._clock = clock
        self._places = [Place(number) for number in range(rules.count)]
        self._places[0].starts_at = clock()
        self._spares = SpareKeeper(spawn_spare, rules.restarts)
        self._parting: list[tuple[Place, WorkerProcess]] = []
        self._gone: list[Part] = []
        self._said: Mapping[str, Any] = {}
        self._has_served = False
        self._ends_by: float | None = None
        self._is_forced = False
        self._failed_with: int | None = None
        self._to_renew: deque[Place] = deque()
        self._renewal_asked = False
        self._shown: object = None
        self._measured = threading.Condition()
        self._question = 0
        self._asked_at = 0.0

    def run(self) -> int:
        """Keep them alive until told to end; returns the exit code, that of the first where it never came to serve."""
        before = self._clock()
        while not self._is_over():
            self._hear()
            now = self._clock()
            if now - before > LONG_TURN_SECONDS:
                self._forgive(now)
            before = now
            self._turn(now)
        self._spares.end()
        self._show()
        if self._failed_with is not None:
            return self._failed_with
        return 130 if self._is_forced else 0

    def end(self) -> None:
        """End all of them; asked again, at once.  For a signal handler: it only takes note."""
        if self._ends_by is not None:
            self._is_forced = True
        else:
            self._ends_by = float("inf")

    def renew(self) -> None:
        """Have others take the places of all of them, one after another.  For a signal handler."""
        self._renewal_asked = True

    def parts(self) -> list[Part]:
        """What each worker measured until now, those that ended included; for any thread.

        Whoever does not answer within a second, because it was stopped perhaps, is shown as it was.
        """
        with self._measured:
            self._question += 1
            question = self._question
            asked = [each for each in self._living() if each.serves_since is not None and not each.has_ended]
        for each in asked:
            each.line.say(asked="measured", number=question)
        with self._measured:
            self._measured.wait_for(lambda: all(each.measured >= question for each in asked), ASKED_SECONDS)
            parting = [counts_alone(_part_of(place, each)) for place, each in self._parting]
            return [*self._gone, *parting, *self._standing()]

    def _standing(self) -> list[Part]:
        return [_part_of(each, each.process) for each in self._places if each.process is not None]

    def _is_over(self) -> bool:
        if self._ends_by is None:
            return False
        return not any(True for _ in self._all())

    def _all(self) -> list[tuple[Place, WorkerProcess]]:
        named = [
            (place, each) for place in self._places for each in (place.process, place.successor) if each is not None
        ]
        return [*named, *self._parting]

    def _living(self) -> list[WorkerProcess]:
        return [each for _, each in self._all()]

    def _hear(self) -> None:
        lines = {each.line: (place, each) for place, each in self._all() if not each.line.is_over}
        spares = self._spares.lines()
        for line in select.select([*lines, *spares], [], [], TURN_SECONDS)[0]:
            if line in spares:
                spares[line].hear(self._clock())
                continue
            place, process = lines[line]
            for said in process.hear(self._clock()):
                self._note(place, process, said)

    def _note(self, place: Place, process: WorkerProcess, said: Mapping[str, Any]) -> None:
        match said["said"]:
            case "serving":
                self._serving(place, process, said)
            case "leaving":
                process.is_leaving = True
            case "ended":
                process.has_ended = True
            case "measured":
                with self._measured:
                    process.families = from_values(said["families"])
                    process.measured = max(process.measured, said["number"])
                    self._measured.notify_all()

    def _serving(self, place: Place, process: WorkerProcess, said: Mapping[str, Any]) -> None:
        process.serves_since = self._clock()
        seconds = round(process.serves_since - process.began, 2)
        log.info("worker_serving", worker=place.number, pid=process.pid, seconds=seconds)
        if place.successor is process:
            self._hand_over(place, process)
        if place.is_taker and not self._has_served:
            self._has_served, self._said = True, said
            for each in self._places[1:]:
                each.starts_at = process.serves_since

    def _hand_over(self, place: Place, successor: WorkerProcess) -> None:
        former = place.process
        with self._measured:
            place.process, place.successor = successor, None
            if former is not None:
                self._parting.append((place, former))
        if former is not None:
            former.end()

    def _turn(self, now: float) -> None:
        self._bury(now)
        if self._ends_by is not None:
            self._end_all(now)
        else:
            self._spares.keep(now)
            self._end_hung(now)
            for place in self._places:
                self._look_after(place, now)
            self._renew_next(now)
            if self._on_serving is not None and all(each.is_settled for each in self._places):
                told, self._on_serving = self._on_serving, None
                told(self._said)
        self._close_hatches()
        if now - self._asked_at >= MEASURE_SECONDS:
            self._asked_at = now
            for each in self._living():
                each.line.say(asked="measured", number=0)
        self._show()

    def _look_after(self, place: Place, now: float) -> None:
        if place.process is None:
            if place.starts_at is not None and now >= place.starts_at:
                self._start(place, now)
            return
        process = place.process
        if process.is_leaving and not place.is_taker:
            # Its place can be filled before it is gone; that of the one who takes events cannot.
            with self._measured:
                self._parting.append((place, process))
                place.process, place.starts_at = None, now

    def _end_hung(self, now: float) -> None:
        """Kill whoever gives no sign of life, or does not come to serve."""
        for place, process in self._all():
            if place.is_taker and not self._has_served:
                continue  # it may have to import and to train, and whoever started all of them looks on
            silent = max(now - process.heard_at, process.still) > self._rules.hung_seconds
            late = process.serves_since is None and now - process.began > self._rules.start_seconds
            if silent or late:
                seconds = self._rules.hung_seconds if silent else self._rules.start_seconds
                log.error("worker_hung", worker=place.number, pid=process.pid, seconds=seconds)
                process.kill()

    def _start(self, place: Place, now: float) -> None:
        try:
            process = self._begun(place, now)
        except OSError as problem:
            # No process, or no descriptor, is to be had: that may pass.
            log.warning("worker_unstarted", worker=place.number, detail=str(problem)[:200])
            place.starts_at = now + UNSTARTED_SECONDS
            return
        if process is not None:
            place.process, place.starts_at = process, None

    def _begun(self, place: Place, now: float) -> WorkerProcess | None:
        """A copy of the spare one, or one started from nothing; `None` if it is worth waiting for the first."""
        if self._has_served and place.may_be_copy:
            copy = self._spares.copied(place.number, now)
            if copy is not None:
                return copy
            if self._spares.is_loading(now):
                return None  # a copy of that comes hardly later than a start from nothing, and leaves others the time
        return self._spawn(place.number, now)

    def _bury(self, now: float) -> None:
        """Take note of whoever ended; what it still said is heard first."""
        for place, process in self._all():
            code = process.code()
            if code is None:
                continue
            self._hear_out(place, process, now)
            process.close()
            with self._measured:
                self._gone = _with(self._gone, counts_alone(_part_of(place, process)))
                self._leave_place(place, process)
            place.last_end = _how(code)
            self._after_end(place, process, code=code, now=now)

    def _hear_out(self, place: Place, process: WorkerProcess, now: float) -> None:
        while True:
            for said in process.hear(now):
                self._note(place, process, said)
            if process.line.is_over or process.line.is_dry:
                return

    def _leave_place(self, place: Place, process: WorkerProcess) -> None:
        self._parting = [each for each in self._parting if each[1] is not process]
        if place.process is process:
            place.process = None
        if place.successor is process:
            place.successor = None

    def _after_end(self, place: Place, process: WorkerProcess, *, code: int, now: float) -> None:
        if self._ends_by is not None:
            return
        log.warning("worker_ended", worker=place.number, pid=process.pid, how=place.last_end)
        if place.is_taker and not self._has_served:
            # It said why; what is wrong before anything was served will not mend itself.
            self._failed_with, self._ends_by = code if 0 < code < UNSEEN else 1, now
            return
        if place.process is not None or place.starts_at is not None:
            # Somebody else fills its place already; if it was to be the next there, nobody else is tried.
            if process.serves_since is None:
                log.error("renewal_failed", worker=place.number, how=place.last_end)
                self._to_renew.clear()
            return
        if process.is_leaving and code in (0, UNSEEN):
            place.starts_at = now
            return
        place.restarts += 1
        served = None if process.serves_since is None else now - process.serves_since
        place.ends.append(Ended(now, served))
        pause = pause_before_next(place.ends, self._rules.restarts, now)
        place.starts_at = now + pause
        if is_failing(place.ends, self._rules.restarts, now):
            log.error("worker_failing", worker=place.number, restarts=place.restarts, pause_seconds=round(pause, 1))

    def _renew_next(self, now: float) -> None:
        if self._renewal_asked:
            self._renewal_asked = False
            self._to_renew = deque([*self._places[1:], self._places[0]])
        busy = any(each.successor is not None or each.state != "serving" for each in self._places)
        if not self._to_renew or busy:
            return
        place = self._to_renew.popleft()
        if not place.is_taker:
            with suppress(OSError):
                place.successor = self._begun(place, now)
            if place.successor is None:
                self._to_renew.appendleft(place)  # nobody ended for it, and it can wait
        elif place.process is not None:
            # Only one may take events: the next begins when this one has ended.
            place.process.end()

    def _end_all(self, now: float) -> None:
        if self._ends_by == float("inf"):
            self._ends_by = now + self._rules.end_seconds
            self._on_ending()
            self._spares.leave()
            for each in self._living():
                each.end()
        if self._is_forced or now >= (self._ends_by or 0.0):
            for each in self._living():
                each.kill()

    def _close_hatches(self) -> None:
        """Let the one who takes events go once no reader that is on its way out may still hand it any."""
        taker = self._places[0].process
        if taker is None or not taker.has_ended:
            return
        handing = [each for place, each in self._all() if not (place.is_taker or each.has_ended)]
        if self._ends_by is None or not handing:
            taker.line.say(asked="close")

    def _forgive(self, now: float) -> None:
        for each in self._living():
            each.heard_at = now
        self._spares.forgive(now)

    def _show(self) -> None:
        rows = [place.row(self._rules.restarts, self._clock()) for place in self._places]
        spares = self._spares.prepared()
        if (rows, spares) != self._shown:
            self._shown = (rows, spares)
            self._on_change(rows, spares)


def _part_of(place: Place, process: WorkerProcess) -> Part:
    return Part(str(place.number), place.is_taker, process.families)


def _how(code: int) -> str:
    if code == UNSEEN:
        return "unseen"
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _with(gone: Sequence[Part], part: Part) -> list[Part]:
    """What those that ended counted, kept as one."""
    return [Part("ended", is_taker=False, families=added_up([*gone, part]))]
