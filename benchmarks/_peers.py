"""The libraries we measure ourselves against: which of them are here, in which version, and why the others are not."""

from __future__ import annotations

import importlib
import shutil
from importlib.metadata import PackageNotFoundError, version

PACKAGES = {
    "implicit": "implicit",
    "irspack": "irspack",
    "cmfrec": "cmfrec",
    "lenskit": "lenskit",
    "faiss": "faiss-cpu",
    "usearch": "usearch",
    "hnswlib": "hnswlib",
    "pyspark": "pyspark",
}
"""The module of each peer, and the package it comes in: the extra `bench`."""


def missing(module: str) -> str | None:
    """Why a peer cannot take part; none if it can. Nothing is imported: a side imports its peer in its own process."""
    try:
        version(PACKAGES[module])
    except PackageNotFoundError:
        return f"{PACKAGES[module]} is not installed (the extra `bench` brings it)"
    if module == "pyspark" and shutil.which("java") is None:
        return "there is no Java to run Spark"
    return None


def unavailable(modules: list[str]) -> dict[str, str]:
    """The peers that cannot take part, each with the reason."""
    return {module: reason for module in modules if (reason := missing(module))}


def versions() -> dict[str, str | None]:
    """The version of each peer; none where it is not installed."""
    return {module: None if missing(module) else version(package) for module, package in PACKAGES.items()}


def loaded(module: str) -> object | None:
    """The module itself, or none where it cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
