"""The tables of background jobs."""

from __future__ import annotations
