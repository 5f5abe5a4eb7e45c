"""Asking for a category: what a model says of one that none of its items belongs to."""

from __future__ import annotations

from difflib import get_close_matches

from tacit.errors import NotFound
from tacit.models.recommender.model import RecommenderModel


def check_category(model: RecommenderModel, category: str | None, *, otherwise: str | None = None) -> None:
    """Refuse a category that no item has, naming those of nearly the same letters, whatever their case.

    Args:
        model: Knows its categories.
        category: What was asked for; `None` is all items.
        otherwise: What to do about it where no category is near.

    Raises:
        NotFound: `category_unknown`.
    """
    if category is None or category in model.categories:
        return
    by_folded = {name.casefold(): name for name in model.categories}
    near = [by_folded[folded] for folded in get_close_matches(category.casefold(), by_folded, n=3)]
    fix = f"Did you mean {' or '.join(map(repr, near))}?" if near else otherwise
    raise NotFound("category_unknown", "No item has this category.", field="category", fix=fix, context={"near": near})
