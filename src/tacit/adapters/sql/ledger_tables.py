"""The tables around the ledger of promotions."""

from __future__ import annotations
