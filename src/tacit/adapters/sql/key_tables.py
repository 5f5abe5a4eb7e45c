"""The tables of API keys, and what is in force of who may ask."""

from __future__ import annotations
