"""Rollouts, splits and shadows as JSON, for whichever store keeps them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from tacit.rollout.evidence import Limits
from tacit.rollout.rollouts import Course, Rollout
from tacit.rollout.traffic import Arm, Shadow, Split


def rollout_text(rollout: Rollout) -> str:
    """A rollout, wholly."""
    return json.dumps(asdict(rollout), sort_keys=True)


def rollout_of(text: str) -> Rollout:
    """The rollout that a text tells of."""
    content: dict[str, Any] = json.loads(text)
    course = content["course"]
    agreed = Course(**{**course, "steps": tuple(course["steps"]), "limits": Limits(**course["limits"])})
    return Rollout(**{**content, "course": agreed, "reasons": tuple(content["reasons"])})


def split_text(split: Split | None) -> str | None:
    """How users are divided."""
    if split is None:
        return None
    arms = [
        {"name": arm.name, "share": arm.share, "version": arm.version, "settings": dict(arm.settings)}
        for arm in split.arms
    ]
    return json.dumps({"split_id": split.split_id, "stage": split.stage, "arms": arms}, sort_keys=True)


def split_of(text: str | None) -> Split | None:
    """The split that a text tells of."""
    if text is None:
        return None
    content = json.loads(text)
    return Split(content["split_id"], content["stage"], tuple(Arm(**arm) for arm in content["arms"]))


def shadow_text(shadow: Shadow | None) -> str | None:
    """What is asked in secret."""
    return None if shadow is None else json.dumps(asdict(shadow), sort_keys=True)


def shadow_of(text: str | None) -> Shadow | None:
    """The shadow that a text tells of."""
    return None if text is None else Shadow(**json.loads(text))
