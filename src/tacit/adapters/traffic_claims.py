"""Who may change how users are divided, for whichever store keeps it."""

from __future__ import annotations

from tacit.errors import Refused
from tacit.rollout.traffic import Shadow, Split


def check_free(name: str, planned: Split | Shadow | None, split_id: str) -> None:
    """Raises `traffic_taken` if what is in force is somebody else's."""
    if planned is not None and planned.split_id != split_id:
        raise Refused(
            "traffic_taken",
            f"Users of {name} are divided already, by {planned.split_id}.",
            field="split_id",
            fix="Wait until that is over, or end it.",
            context={"split_id": planned.split_id},
        )


def check_yours(planned: Split | Shadow | None, split_id: str) -> None:
    """Raises `ValueError` if somebody plans in another's name."""
    if planned is not None and planned.split_id != split_id:
        raise ValueError(f"{split_id} cannot plan for {planned.split_id}")
