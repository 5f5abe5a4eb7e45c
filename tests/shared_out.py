"""How tests are shared out among workers."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

GUARDS = "tests/architecture/"


class ByFile(LoadFileScheduling):
    """The tests of a file to one worker, and all guards, which look through the same parsed files, to one as well."""

    def _split_scope(self, nodeid: str) -> str:
        return GUARDS if nodeid.startswith(GUARDS) else super()._split_scope(nodeid)
