"""The texts of a version's items, where something was built that keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.data.catalog import Item
from tacit.serving.item_texts import ItemTexts


def texts_of(items: Sequence[Item]) -> ItemTexts | None:
    """The texts of a version's items; `None` where nothing was built that could keep them, or one cannot be written."""
    try:
        from tacit.serving.native_texts import NativeTexts
    except ImportError:
        return None
    try:
        return NativeTexts(items)
    except UnicodeEncodeError:
        return None
