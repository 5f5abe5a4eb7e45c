"""The tables of what users do not want to see."""

from __future__ import annotations
