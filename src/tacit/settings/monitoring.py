"""The settings of being watched: the servers that watch, where they are, and who is told when nobody does."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is no address; write it as http://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "an address is shown, and may hold no name and no password; put a proxy before it that has them"
        )
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


class Monitoring(BaseModel):
    """Who watches this installation, and what happens when nobody does."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    servers: bool = False
    """Whether a server starts Prometheus and Alertmanager beside itself, as `--with-monitoring` asks for."""
    prometheus_port: int | None = Field(default=None, ge=1, le=65_535)
    """Port of that Prometheus, on loopback; unset, 9090, or any other where that is taken."""
    alertmanager_port: int | None = Field(default=None, ge=1, le=65_535)
    """Port of that Alertmanager, on loopback; unset, 9093, or any other where that is taken."""
    keep_days: int = Field(default=15, ge=1, le=3_650)
    """Age at which that Prometheus forgets a sample, and that Alertmanager a silence that is over."""
    keep_mib: int = Field(default=1_024, ge=64)
    """Most that the samples of that Prometheus may take on the disk, in MiB; the oldest go first."""
    scrape_seconds: float = Field(default=10.0, ge=0.5, le=300)
    """How often that Prometheus reads `/metrics` and evaluates the rules."""
    alertmanager_url: Address | None = None
    """An Alertmanager of yours, as `http://alerts:9093`, to ask what is wrong and to silence at; unset, the one started
    here, if any."""
    prometheus_url: Address | None = None
    """A Prometheus of yours that reads `/metrics`, as `http://metrics:9090`; it is only pointed to."""
    expected: bool = False
    """Whether somebody is expected to read `/metrics` from the start; else only once somebody did so regularly."""
    unscraped_seconds: float = Field(default=60.0, ge=1, le=86_400)
    """How long nobody may read `/metrics`, once somebody is expected to, before that is told."""
    unreachable_seconds: float = Field(default=30.0, ge=1, le=86_400)
    """How long Alertmanager may not answer, or not know that its Prometheus lives, before that is told."""
    notify: SecretStr | None = None
    """Whom to tell when nobody watches, past Prometheus and Alertmanager (needs the extra `notify`).

    Addresses as Apprise writes them, a comma between two: `slack://…`, `mailto://…`, `pagerduty://…`.  Give them in the
    environment or a file of their own rather than where others read: they hold secrets, which are never shown.
    """
    notify_again_hours: float = Field(default=4.0, gt=0, le=720)
    """How often they are told again while it lasts."""
