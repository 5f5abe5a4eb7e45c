"""The tables of A/B experiments."""

from __future__ import annotations
