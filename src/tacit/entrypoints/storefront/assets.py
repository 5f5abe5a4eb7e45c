"""The pages' own files: read once, addressed by their digest, and therefore kept by browsers for a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

PREFIX = "/static/storefront"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Assets:
    """All files of the pages, small enough to be held in memory.

    Attributes:
        digest: Names this set of files; another content has another one.
        by_name: The files.
        prefix: Where they are found.
    """

    digest: str
    by_name: Mapping[str, Asset]
    prefix: str = PREFIX

    def address(self, name: str) -> str:
        """Where a file is found, as long as it is what it is now.

        Raises:
            KeyError: There is no such file.
        """
        if name not in self.by_name:
            raise KeyError(name)
        return f"{self.prefix}/{self.digest}/{name}"


def read_assets(package: str = __package__, prefix: str = PREFIX) -> Assets:
    """Read the files that came with a package of pages."""
    found = {path.name: path.read_bytes() for path in (files(package) / "static").iterdir() if path.is_file()}
    listing = "".join(f"{name}\n{sha256(found[name]).hexdigest()}\n" for name in sorted(found))
    by_name = {name: Asset(content, _media_type(name)) for name, content in found.items()}
    return Assets(sha256(listing.encode()).hexdigest()[:16], by_name, prefix)


def _media_type(name: str) -> str:
    return _MEDIA_TYPES[name[name.rindex(".") :]]
