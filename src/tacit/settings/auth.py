"""The settings of auth: who may ask, and how carefully this installation is run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Auth(BaseModel):
    """Who may ask: keys, accounts, tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"
    """Where this installation stands; in production it does not start with the settings of a trial."""
    mode: Literal["open", "optional", "required"] = "open"
    """Who is let in: whoever reaches the address, with every right; without credentials to what belongs to no user;
    with credentials alone.

    `tacit keys require-all on` makes it `required` while servers run; nothing but `off` takes that back.
    """
    tls: Literal["proxy", "none"] | None = None
    """Who encrypts what goes over the network: a proxy before us, or nobody, as on a network of one's own; production
    asks for an answer, for we do not ourselves."""
    poll_seconds: float = Field(default=1.0, gt=0, le=4)
    """How often each server asks whether a key was revoked or the switch thrown."""
    keep_minutes: float = Field(default=10.0, ge=0, le=1_440)
    """How long keys that a server knows hold while the database does not answer."""

    def problem(self, *, is_loopback: bool, allow_public: bool) -> str | None:
        """Why this cannot be, in one sentence with its fix; `None` if it can.

        Args:
            is_loopback: Whether only this machine reaches the address.
            allow_public: Whether it was said that anybody may.
        """
        if self.environment == "production" and self.mode == "open":
            return "auth.mode is open and auth.environment is production; set auth.mode = required (tacit keys create)"
        if self.environment == "production" and self.tls is None:
            return (
                "auth.tls is unset in production; set it to proxy if one encrypts before us, or to none if nobody must"
            )
        if self.mode == "open" and not is_loopback and not allow_public:
            return (
                "host is not loopback and nobody is authenticated; "
                "set auth.mode = required (tacit keys create), or allow_public = true to serve anyway"
            )
        return None
