"""The version that answers: verified, loaded and asked before one reference is swapped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tacit.errors import Refused, TacitError, Unavailable
from tacit.models.recommender.model import RecommenderModel
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.registry.interfaces import VersionStore
from tacit.registry.ledger import champions
from tacit.registry.registry import Registry
from tacit.registry.versions import Manifest, Version
from tacit.serving.events import Observer, RegistryLost, VersionLoaded, VersionRefused, unobserved
from tacit.serving.interfaces import Clock, Loader
from tacit.serving.item_texts import ItemTexts
from tacit.serving.kept_texts import texts_of
from tacit.serving.labels import Labels
from tacit.serving.ready_made import ReadyMade, ready_made
from tacit.serving.reasons import explain
from tacit.serving.retrieval import Wanted, by_popularity, by_taste, taste_of
from tacit.serving.titles import TitleIndex

_SAMPLE = 100_000


@dataclass(frozen=True)
class LoadedVersion:
    """One version in memory; an answer takes everything from one of these.

    Attributes:
        version: What the registry says of it.
        manifest: What was signed of it.
        model: The model, its arrays memory-mapped.
        loaded_at: When it was loaded, in seconds since 1970.
    """

    version: Version
    manifest: Manifest
    model: RecommenderModel
    loaded_at: float

    @cached_property
    def label(self) -> str:
        """How answers name it: `recommender/3`."""
        return f"{self.version.name}/{self.version.number}"

    @cached_property
    def events_turn(self) -> int:
        """The turn of the last event it was trained with; 0 if it was trained with none, or does not say."""
        turn = self.manifest.lineage.get("events_turn", 0)
        return turn if isinstance(turn, int) and turn > 0 else 0

    @cached_property
    def titles(self) -> TitleIndex:
        """The catalogue's titles, to be searched."""
        return TitleIndex([item.title for item in self.model.items], np.asarray(self.model.listeners))

    @cached_property
    def texts(self) -> ItemTexts | None:
        """Its items as answers write them, where that can be kept."""
        return texts_of(self.model.items)

    @cached_property
    def labels(self) -> Labels:
        """The catalogue by its words."""
        return Labels(self.model.items)

    @cached_property
    def ready(self) -> ReadyMade:
        """What is answered where nothing else can be."""
        return ready_made(self.model)

    @cached_property
    def categories(self) -> tuple[tuple[str, int], ...]:
        """Each category and how many items it has, the largest first."""
        sizes = ((name, int(mask.sum())) for name, mask in self.model.categories.items())
        return tuple(sorted(sizes, key=lambda each: (-each[1], each[0])))

    @cached_property
    def listed_items(self) -> tuple[str, ...]:
        """The ids of its items in the order of code points, in which the catalogue is listed."""
        return tuple(sorted(item.item_id for item in self.model.items))

    @cached_property
    def listed_users(self) -> tuple[str, ...]:
        """The ids of its users in the same order."""
        return tuple(sorted(self.model.user_ids))

    @cached_property
    def typical_value(self) -> float:
        """The median value of an interaction, from evenly spaced rows: what a like is worth."""
        values = self.model.values[:: max(1, len(self.model.values) // _SAMPLE)]
        return float(np.median(values)) if len(values) else 1.0


@dataclass(frozen=True)
class RefusedVersion:
    """A champion that does not answer, and why."""

    number: int
    code: str
    detail: str


def ask_once(model: RecommenderModel) -> None:
    """Ask a model for a popular and a personal list, reasons included, before any user does.

    Raises:
        Refused: `check_failed` if it knows no popular item, or prefers something to a degree that is not finite.
    """
    nothing = np.empty(0, np.intp)
    if not len(by_popularity(model, Wanted(1, nothing)).items):
        raise Refused("check_failed", "The model has no popular item to fall back to.", field="popular")
    row = int(np.argmax(np.diff(model.indptr))) if len(model.user_ids) else None
    if row is None or not len(model.item_factors):
        return
    taste = taste_of(model, row)
    found = by_taste(model, taste, Wanted(1, nothing))
    if not np.isfinite(found.scores).all():
        raise Refused("check_failed", "The model's scores are not finite.", field="user_factors")
    explain(model, taste, found.items, most=1)
    _warm(model)


def _warm(model: RecommenderModel) -> None:
    """Derive what a model derives only once, so that no user waits for it."""
    for derived in (model.user_rows, model.item_rows, model.categories, model.ranked):
        len(derived)
    for index in (model.index, model.unit_index):
        _ = index.memory_bytes


def _nothing(loaded: LoadedVersion) -> None:
    """A version needs no preparation."""


class ModelPool:
    """Keeps the champion loaded, and keeps the last good version when the champion cannot be.

    Args:
        registry: Hands out versions that verify.
        versions: Keeps the ledger.
        load: Reads a verified folder.
        metrics: Told what is loaded.
        clock: Tells the time.
        timer: Measures how long something takes, in seconds; unlike the clock it never jumps.
        name: Whose champion.
        check: Asks a loaded model something, and raises if it does not answer.
        observe: Told what happened.
        poll_seconds: How often the ledger is read for a new champion.
        retry_seconds: How long a refused champion is left alone before it is verified again.
    """

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        load: Loader,
        *,
        metrics: MetricSink,
        clock: Clock = time.time,
        timer: Callable[[], float] = time.monotonic,
        name: str = "recommender",
        check: Callable[[RecommenderModel], None] = ask_once,
        observe: Observer = unobserved,
        poll_seconds: float = 1.0,
        retry_seconds: float = 30.0,
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._load = load
        self._metrics = metrics
        self._clock = clock
        self._timer = timer
        self._name = name
        self._check = check
        self._observe = observe
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._loaded: LoadedVersion | None = None
        self._refused: RefusedVersion | None = None
        self._retry_at = 0.0
        self._lost: TacitError | None = None
        self._lost_since_ms = 0
        self._refreshing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._prepare: Callable[[LoadedVersion], None] = _nothing

    @property
    def loaded(self) -> LoadedVersion | None:
        """The version that answers now."""
        return self._loaded

    @property
    def refused(self) -> RefusedVersion | None:
        """The champion, while it cannot be loaded."""
        return self._refused

    @property
    def lost(self) -> TacitError | None:
        """Why the registry cannot be asked at the moment, if it cannot."""
        return self._lost

    @property
    def lost_since_ms(self) -> int | None:
        """Since when it cannot, in milliseconds since 1970."""
        return None if self._lost is None else self._lost_since_ms

    def current(self) -> LoadedVersion:
        """The version that answers now; one call per answer, so that none mixes two.

        Raises:
            Unavailable: `model_not_loaded`.
        """
        loaded = self._loaded
        if loaded is None:
            raise Unavailable(
                "model_not_loaded",
                f"No version of {self._name} is loaded.",
                fix="Promote a version that verifies; `tacit doctor` says what is wrong.",
            )
        return loaded

    def refresh(self) -> LoadedVersion | None:
        """Make the champion the version that answers, unless it cannot be; returns what answers then.

        Where nothing answers yet, the newest earlier champion that verifies and loads takes the place of a refused
        one.

        Raises:
            Unavailable: The ledger cannot be read.
        """
        with self._refreshing:
            self._follow(champions(self._versions.promotions(self._name)))
        return self._loaded

    def prepare_with(self, prepare: Callable[[LoadedVersion], None]) -> None:
        """Have every version from now on prepared by somebody before it answers; they must not raise."""
        self._prepare = prepare

    def start(self) -> None:
        """Load what can be loaded now, then follow the ledger in a thread until `stop`; no effect if started."""
        if self._thread is None:
            self._stopped.clear()
            self._poll()
            self._thread = threading.Thread(target=self._run, name="model-pool", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Follow the ledger no longer; what is loaded keeps answering."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            self._poll()

    def _poll(self) -> None:
        try:
            with self._refreshing:
                stack = champions(self._versions.promotions(self._name))
                is_waiting = self._refused is not None and stack[-1:] == (self._refused.number,)
                if not is_waiting or self._timer() >= self._retry_at:
                    self._follow(stack)
        except Exception as error:
            self._lose(error)
        else:
            self._lost = None

    def _lose(self, error: Exception) -> None:
        is_news = self._lost is None
        if is_news:
            self._lost_since_ms = int(self._clock() * 1_000)
        self._lost = error if isinstance(error, TacitError) else Unavailable("registry_failed", ascii(str(error))[:64])
        if is_news:
            self._observe(RegistryLost(self._lost.code, self._lost.detail))

    def _follow(self, stack: tuple[int, ...]) -> None:
        """Load the top of the stack; with nothing loaded at all, go down it until something loads."""
        if not stack:
            return
        if self._loaded is not None and self._loaded.version.number == stack[-1]:
            self._refused = None
            return
        self._refused = self._try(stack[-1])
        self._retry_at = self._timer() + self._retry_seconds
        if self._loaded is None:
            # Stops at the first that is not refused.
            any(self._try(number) is None for number in reversed(stack[:-1]))

    def _try(self, number: int) -> RefusedVersion | None:
        """Make a version ready, then swap; or say why not, and leave everything as it was."""
        started = self._timer()
        loaded = self.ready(number)
        if isinstance(loaded, RefusedVersion):
            return loaded
        self._swap(loaded, started)
        return None

    def ready(self, number: int) -> LoadedVersion | RefusedVersion:
        """Verify, load, ask and prepare a version, without having it answer for the champion; or say why not."""
        try:
            with self._registry.held(self._name, number) as (version, manifest):
                model = self._load(version.folder)
                self._check(model)
            loaded = LoadedVersion(version, manifest, model, self._clock())
            _ = loaded.ready  # worded now: when it is needed, nothing else may be left
            _ = loaded.texts  # nor is anybody to wait for these
        except TacitError as error:
            return self._refuse(RefusedVersion(number, error.code, error.detail))
        except Exception as error:
            problem = f"It verifies but does not load or answer: {type(error).__name__}, {ascii(str(error))[:64]}."
            return self._refuse(RefusedVersion(number, "check_failed", problem))
        self._prepare(loaded)
        return loaded

    def _refuse(self, refused: RefusedVersion) -> RefusedVersion:
        serving = None if self._loaded is None else self._loaded.label
        self._metrics.increment(catalogue.VERSIONS_REFUSED)
        self._observe(VersionRefused(f"{self._name}/{refused.number}", refused.code, refused.detail, serving))
        return refused

    def _swap(self, loaded: LoadedVersion, started: float) -> None:
        before, self._loaded = self._loaded, loaded
        if before is not None:
            self._metrics.drop(catalogue.MODEL_VERSION, version=before.label, dataset=before.manifest.dataset)
            for metric in before.manifest.metrics.keys() - loaded.manifest.metrics.keys():
                self._metrics.drop(catalogue.MODEL_ACCURACY, metric=metric)
        self._measure(loaded)
        replaced = None if before is None else before.label
        self._observe(VersionLoaded(loaded.label, replaced, round(self._timer() - started, 3)))

    def _measure(self, loaded: LoadedVersion) -> None:
        model = loaded.model
        learnt_in = loaded.manifest.gate.get("fit_seconds", 0)
        for metric, value in (
            (catalogue.MODEL_LOADED, 1),
            (catalogue.MODEL_USERS, len(model.user_ids)),
            (catalogue.MODEL_ITEMS, len(model.items)),
            (catalogue.MODEL_FACTORS, model.item_factors.shape[1]),
            (catalogue.TRAINING_DURATION, learnt_in if isinstance(learnt_in, int | float) else 0),
        ):
            self._metrics.set(metric, value)
        self._metrics.set(catalogue.MODEL_VERSION, 1, version=loaded.label, dataset=loaded.manifest.dataset)
        for name, score in loaded.manifest.metrics.items():
            self._metrics.set(catalogue.MODEL_ACCURACY, score, metric=name)
