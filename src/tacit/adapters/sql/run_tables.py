"""The tables of training runs."""

from __future__ import annotations
