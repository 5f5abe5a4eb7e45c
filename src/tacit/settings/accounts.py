"""The settings of accounts."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

RoleName = Literal["reader", "writer", "operator", "admin"]


class Accounts(BaseModel):
    """People who sign in, and the tokens they are given."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    token_minutes: float = Field(default=10.0, gt=0, le=15)
    """How long an access token lasts."""
    refresh_days: float = Field(default=14.0, gt=0, le=90)
    """How long a refresh token that nobody uses can still be replaced."""
    sign_in_days: float = Field(default=90.0, gt=0, le=365)
    """How long after signing in with a password refreshing ends."""
    idle_minutes: float = Field(default=30.0, gt=0, le=30)
    """How long a browser session lasts that nobody uses."""
    session_hours: float = Field(default=12.0, gt=0, le=12)
    """How long a browser session lasts at most."""
    oidc_issuer: str | None = None
    """An OpenID Connect provider that people sign in with, as `https://id.example.org`; unset, they have passwords."""
    oidc_client_id: str | None = None
    """What this installation is called there."""
    oidc_client_secret: SecretStr | None = None
    """Its secret there. Give it in the environment rather than in a file that others read; it is never shown."""
    oidc_redirect: str | None = None
    """Where the provider sends people back to: this installation's address with `/signin/oidc/callback`."""
    oidc_hosts: tuple[str, ...] = ()
    """Hosts beside the issuer's own that its endpoints may be on."""
    oidc_domains: tuple[str, ...] = ()
    """Domains of verified e-mail addresses whose people may sign in; empty asks for none."""
    oidc_role_claim: str = "groups"
    """Claim of the ID token that says what somebody may."""
    oidc_roles: tuple[str, ...] = ()
    """Roles by value of that claim, as `staff=operator`; of several, the one that may most."""
    oidc_default_role: RoleName | None = None
    """Role of whom none of them fits; unset, they may not sign in."""

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Accounts:
        if self.oidc_issuer is None:
            return self
        if not self.oidc_client_id or not self.oidc_redirect:
            raise ValueError("oidc_issuer is set; set oidc_client_id and oidc_redirect too")
        for name, address in (("oidc_issuer", self.oidc_issuer), ("oidc_redirect", self.oidc_redirect)):
            if not _is_safe(address):
                raise ValueError(f"{name} is no https address (http is for this machine alone)")
        known = ("reader", "writer", "operator", "admin")
        if any(each.rpartition("=")[2] not in known or not each.rpartition("=")[0] for each in self.oidc_roles):
            raise ValueError(
                f"oidc_roles has an entry that is not VALUE=ROLE, where ROLE is one of: {', '.join(known)}"
            )
        return self


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    is_near = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_near))
