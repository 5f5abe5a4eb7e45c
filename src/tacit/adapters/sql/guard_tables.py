"""The tables of blocks, allow-lists, accesses and exported heads of the audit trail."""

from __future__ import annotations
