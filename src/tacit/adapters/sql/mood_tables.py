"""The tables of moods as somebody edited them."""

from __future__ import annotations
