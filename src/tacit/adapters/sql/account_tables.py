"""The tables of accounts, sessions and refresh tokens."""

from __future__ import annotations
