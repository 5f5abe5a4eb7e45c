"""The settings, group by group: names, bounds, defaults, and what each is for."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from tacit.settings.accounts import Accounts
from tacit.settings.alerts import Alerts, Slo
from tacit.settings.answering import Answering
from tacit.settings.auditing import Audit
from tacit.settings.auth import Auth
from tacit.settings.drift import Drift
from tacit.settings.limits import Limits
from tacit.settings.monitoring import Monitoring
from tacit.settings.moods import Moods, Tiers
from tacit.settings.overload import Overload
from tacit.settings.releasing import Ab, Attribution, Experiments, RolloutChoices
from tacit.settings.retraining import Retraining
from tacit.settings.storefront import StorefrontChoices
from tacit.settings.tracing import Tracing
from tacit.settings.workers import Health, Workers

_FROZEN = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Imports(BaseModel):
    """What files may contain, and what reading them may cost."""

    model_config = _FROZEN

    bad_row_budget: float = Field(default=0.05, ge=0, le=1)
    """Share of rows that may be quarantined before an import fails, from 0 to 1."""
    max_id_bytes: int = Field(default=256, ge=1, le=4096)
    """Longest user or item id, in UTF-8 bytes."""
    max_line_bytes: int = Field(default=1_000_000, ge=1_000)
    """Longest line of a data file, in bytes."""
    max_expansion: float = Field(default=100.0, gt=1)
    """How many times its compressed size a file may unpack to."""
    memory_limit_mib: int = Field(default=1_024, ge=128)
    """Memory the import's database may use before it spills to disk, in MiB."""
    threads: int = Field(default=2, ge=1, le=256)
    """Threads of the import's database."""


class SnapshotChoices(BaseModel):
    """What a snapshot keeps of a dataset, and how it splits."""

    model_config = _FROZEN

    min_user_interactions: int = Field(default=5, ge=1)
    """Users with fewer interactions are served, but not trained on."""
    min_item_interactions: int = Field(default=3, ge=1)
    """Items that fewer users chose are known, but not trained on."""
    holdout_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of each user's interactions held out to judge by, the latest ones where the data has times."""
    split: Literal["auto", "time", "hash", "given"] = "auto"
    """How the hold-out is chosen: by time, by a seeded hash, as the publisher gave it, or the best available."""
    seed: int = Field(default=20_260, ge=0)
    """Seed of the split where the data has no times, and of ties."""


class Als(BaseModel):
    """How factors are trained."""

    model_config = _FROZEN

    factors: int | None = Field(default=None, ge=1, le=4_096)
    """Length of the user and item vectors; unset, a rule chooses it from the number of users and items."""
    iterations: int = Field(default=16, ge=1, le=1_000)
    """How often both sides are solved, at most."""
    early_stopping: bool = True
    """Whether a validation fold, cut from the training part, may end training earlier."""
    patience: int = Field(default=2, ge=1, le=100)
    """How many judgements in a row, two iterations apart, may bring nothing better before training ends."""
    blend: Literal["auto", "off"] = "auto"
    """Whether the validation fold may choose a second voice that speaks beside the factors."""
    alpha: float | None = Field(default=None, gt=0)
    """Mean confidence weight of an interaction (of one play, on the plain curve).

    Unset, a rule chooses it from the data's density.
    """
    regularization: float | None = Field(default=None, gt=0)
    """Strength of the regularisation; unset, a rule chooses it from the data's density."""
    warm_iterations: int = Field(default=4, ge=1, le=1_000)
    """How often both sides are solved where training starts from a version; nothing else is decided anew then."""
    frequency_exponent: float = Field(default=1.0, ge=0, le=2)
    """How much more those with many interactions are regularised."""
    curve: Literal["plain", "linear", "log", "capped"] = "log"
    """How a play count becomes confidence; `plain` is alpha times the count, the others have mean alpha."""
    seed: int = Field(default=20_260, ge=0)
    """Seed of the first item factors."""
    method: Literal["cg", "cholesky"] = "cg"
    """How the native engine solves a row: a few conjugate-gradient steps, or exactly; NumPy always solves exactly."""
    cg_steps: int = Field(default=2, ge=1, le=100)
    """Conjugate-gradient steps of a row in half an iteration."""
    relaxation: float = Field(default=1.5, gt=0, lt=2)
    """How many times as far as solved a row moves, from the second iteration on; 1 is plain."""
    engine: Literal["auto", "native", "numpy"] = "auto"
    """What runs training and retrieval: the compiled kernels, NumPy, or whichever works, compiled first."""
    threads: int | None = Field(default=None, ge=1, le=1_024)
    """Threads of the native engine, at most; unset, one for each processor that the process may use."""
    memory_limit_mib: int | None = Field(default=None, ge=64)
    """Memory a training may take, in MiB; unset, what the machine has left. One that needs more is refused first."""


class Gate(BaseModel):
    """What a candidate must show before it may be promoted."""

    model_config = _FROZEN

    policy: Literal["auto", "improve", "refresh"] = "auto"
    """What a candidate must be against the champion: clearly better, or no worse and newer; `auto` is `refresh` for a
    refit on newer data once the champion is old enough, else `improve`."""
    min_cases: int = Field(default=50, ge=1)
    """Users with held-out interactions below which the evidence is insufficient."""
    min_lift: float = Field(default=0.05, ge=0)
    """`improve`: smallest relative lift of the chosen metric over the champion."""
    max_drop: float = Field(default=0.01, ge=0, lt=1)
    """`refresh`: largest relative drop of the chosen metric against the champion that counts as no worse."""
    refresh_min_age_days: float = Field(default=6.0, ge=0)
    """`refresh`: age of the champion from which it may be refreshed, so that small drops do not add up quickly."""
    max_segment_drop: float = Field(default=0.15, ge=0, le=1)
    """Largest relative drop of the chosen metric that cold, light or heavy users may suffer."""
    min_segment_cases: int = Field(default=500, ge=1)
    """Users of a segment below which only harm beyond doubt counts."""
    min_coverage: float = Field(default=0.01, ge=0, le=1)
    """Smallest share of the catalogue that the candidate's lists must reach."""
    max_coverage_drop: float = Field(default=0.30, ge=0, le=1)
    """Largest relative drop of that share against the champion."""
    max_popularity_rise: float = Field(default=0.10, ge=0, le=1)
    """Most by which lists may lean further to what is popular, or crowd on fewer items, than the champion's: 0 to 1."""
    max_item_rise: float = Field(default=0.10, ge=0, le=1)
    """Most by which the share of lists that show one item may rise, if it at least triples."""
    max_p95_ms: float = Field(default=100.0, gt=0)
    """Milliseconds within which 95 % of answers must be worked out, one at a time, on the machine that trains."""
    max_slowdown: float = Field(default=3.0, ge=1)
    """How many times as long as the champion's answers those of the candidate may take, above 5 ms."""
    max_size_mib: float = Field(default=2_048.0, gt=0)
    """Most that a version may take on disk, in MiB."""
    max_memory_mib: float = Field(default=4_096.0, gt=0)
    """Most that a version may take in memory, in MiB."""
    replay_requests: int = Field(default=200, ge=0, le=10_000)
    """How many of the latest recorded requests a candidate is asked again; 0 asks none."""
    min_replayed: int = Field(default=20, ge=1)
    """Recorded requests below which answering them all proves nothing; it does not stand in the way either."""


class Registry(BaseModel):
    """Which versions stay deployable, and which are taken in from elsewhere."""

    model_config = _FROZEN

    keep_versions: int = Field(default=5, ge=1, le=10_000)
    """How many of the latest versions stay deployable; older ones without a role are pruned to their metadata."""
    import_limit_mib: int = Field(default=16_384, ge=1)
    """How large a file with a version of another installation may be, in MiB."""
    foreign_verdicts: Literal["accept", "judge_again"] = "accept"
    """Whether a gate's `pass` from the installation that a version was imported from is enough to promote it here."""


class Serving(BaseModel):
    """How questions are answered."""

    model_config = _FROZEN

    role: Literal["all", "reader"] = "all"
    """What a process does: `all` answers and takes events, `reader` answers beside one that takes them.

    One process of a home takes events; any number of readers answer what it applied within half a second.
    """
    unknown_user: Literal["refuse", "popular"] = "refuse"
    """What a user we have never heard of gets: a clear refusal, or what is popular."""
    refresh_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often a server looks for a new champion."""
    example_users: int = Field(default=6, ge=0, le=50)
    """How many known users the storefront offers to look at; 0 names nobody."""


class ColdstartRungs(BaseModel):
    """How much must be known of a user before a list rests on their taste."""

    model_config = _FROZEN

    blended_from: int = Field(default=5, ge=1)
    """A user with so many interactions gets their own list blended with the popular one; with fewer, the popular one.
    """
    personal_from: int = Field(default=10, ge=1)
    """A user with so many gets their own list alone; at least `blended_from`."""

    @model_validator(mode="after")
    def _rungs_go_up(self) -> ColdstartRungs:
        if self.personal_from < self.blended_from:
            raise ValueError("personal_from is below blended_from; set it to no less")
        return self


class Cache(BaseModel):
    """Lists kept for a while."""

    model_config = _FROZEN

    fresh_seconds: float = Field(default=300.0, ge=0, le=3_600)
    """How long a user's list may answer again, unless they did something meanwhile; 0 computes each."""
    stale_seconds: float = Field(default=3_600.0, ge=0, le=3_600)
    """How long it may answer where computing one fails."""
    shared_seconds: float = Field(default=3_600.0, ge=0, le=3_600)
    """How long a list that is everybody's (popular, similar, of a mood) may answer again; 0 computes each."""
    capacity: int = Field(default=10_000, ge=1)
    """How many lists are kept in memory; one of more than 20 items counts as several."""
    redis_url: SecretStr | None = None
    """Redis to keep lists in, as `redis://:password@host:6379/0` (needs the extra `redis`); unset, they are in memory.

    Give it in the environment rather than in a file that others read: it may hold a password, which is never shown.
    """


class Exposures(BaseModel):
    """The record of what was shown."""

    model_config = _FROZEN

    capacity: int = Field(default=10_000, ge=1)
    """How many may wait to be written; what comes beyond is dropped and counted."""
    flush_seconds: float = Field(default=0.5, gt=0, le=60)
    """Longest time one waits."""
    keep_days: int = Field(default=90, ge=1)
    """Age at which they are removed."""


class Events(BaseModel):
    """What users do: which events are taken, and what becomes of them."""

    model_config = _FROZEN

    profile: Literal["music", "lectures", "movies"] = "music"
    """Whose types of event are taken, with their weights."""
    unknown_items: Literal["quarantine", "accept"] = "quarantine"
    """What becomes of an event whose item the loaded version does not know."""
    batch: int = Field(default=20_000, ge=1, le=20_000)
    """Events applied in one transaction, at most; fewer wait unless many come."""
    keep_days: int = Field(default=730, ge=1)
    """Age at which events are removed, once a snapshot has taken them, and above which one that comes is set aside."""
    reserve_mib: int = Field(default=64, ge=0, le=1_048_576)
    """Space held back for the day when the disk is full, in MiB; 0 holds back nothing."""
    dataset: str | None = None
    """Dataset that events belong to; unset, the champion's, or else the one most recently imported."""
    half_life_days: float | None = Field(default=None, gt=0, le=36_500)
    """Days after which an event since the version's training counts half; unset, events do not fade."""


class Settings(BaseModel):
    """The settings tree."""

    model_config = _FROZEN

    home: Path = Path("./.tacit")
    """Folder that holds everything: database, history, versions, keys."""
    database_url: SecretStr | None = None
    """Where the database is: `sqlite:///…`, or `postgresql://…` (needs the extra `postgres`); unset, a file in `home`.

    Give it in the environment rather than in a file that others read: it may hold a password, which is never shown.
    """
    data: Path | None = None
    """Folder or file that `tacit up` imports into an empty home; unset, it downloads or generates one."""
    dataset: str | None = None
    """Dataset to train on; unset, the one most recently imported."""
    host: str = "127.0.0.1"
    """Address to serve on; anything but loopback needs an `auth.mode` that is not `open`, or `allow_public`."""
    port: int = Field(default=8_000, ge=1, le=65_535)
    """Port of the API and the pages."""
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    """Port of `/metrics`, on loopback; unset, 1000 above `port` (below it where that is too high)."""
    allow_public: bool = False
    """Serve to other machines although `auth.mode` is `open`, so that whoever reaches the address may do everything."""
    download: bool = True
    """Whether `tacit up` may fetch the publisher's data set when it has none."""
    signer: Literal["ed25519", "model-signing"] = "ed25519"
    """What new versions are signed with: our own Ed25519 keys, or OpenSSF model-signing (needs the extra `signing`)."""
    imports: Imports = Imports()
    snapshot: SnapshotChoices = SnapshotChoices()
    als: Als = Als()
    gate: Gate = Gate()
    registry: Registry = Registry()
    serving: Serving = Serving()
    coldstart: ColdstartRungs = ColdstartRungs()
    exposures: Exposures = Exposures()
    events: Events = Events()
    cache: Cache = Cache()
    rollout: RolloutChoices = RolloutChoices()
    attribution: Attribution = Attribution()
    ab: Ab = Ab()
    experiments: Experiments = Experiments()
    retraining: Retraining = Retraining()
    drift: Drift = Drift()
    answering: Answering = Answering()
    auth: Auth = Auth()
    accounts: Accounts = Accounts()
    limits: Limits = Limits()
    audit: Audit = Audit()
    overload: Overload = Overload()
    workers: Workers = Workers()
    health: Health = Health()
    alerts: Alerts = Alerts()
    slo: Slo = Slo()
    moods: Moods = Moods()
    tiers: Tiers = Tiers()
    monitoring: Monitoring = Monitoring()
    tracing: Tracing = Tracing()
    storefront: StorefrontChoices = StorefrontChoices()

    @model_validator(mode="after")
    def _public_is_deliberate(self) -> Settings:
        problem = self.auth.problem(is_loopback=_is_loopback(self.host), allow_public=self.allow_public)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def metrics_on(self) -> int:
        """The port `/metrics` listens on."""
        return self.metrics_port or (self.port + 1_000 if self.port <= 64_535 else self.port - 1_000)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
