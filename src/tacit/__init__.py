"""Tacit learns from what people do, recommends, and keeps answering well when something breaks."""

__version__ = "0.1.0"
