"""What may be seen of what holds a secret (pure)."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?P<kind>[a-z][a-z0-9+]*)://(?:(?P<user>[^:@/?#]*)(?P<hidden>:[^?#]*)?@)?(?P<place>[^:@?#]*(?::[0-9]+)?(?:/[^@?#:]*)?)"
    r"(?P<options>[?#].*)?",
    re.DOTALL,
)


def address_shown(address: str) -> str:
    """A database's address as it may be seen: without its password, and without options, which may hold one too.

    Of what is no such address only `***` is shown, nor of one that can be read in two ways, such as with `?` and `@`
    in what may be a password: nobody knows where in it the password is.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return "***"
    if "@" in (found["options"] or "") and (found["hidden"] or ":" in found["place"]):
        return "***"
    user = "" if found["user"] is None else found["user"] + (":***" if found["hidden"] else "") + "@"
    return f"{found['kind']}://{user}{found['place']}"
