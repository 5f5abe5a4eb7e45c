"""The tables of versions on their way to users."""

from __future__ import annotations
