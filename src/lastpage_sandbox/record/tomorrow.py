"""What no document knows yet: fields and a member of an enumeration that a release of tomorrow may
bring, at several levels.
"""

from __future__ import annotations

import random
from typing import Any

from lastpage_sandbox.skeleton import Skeleton

Json = dict[str, Any]
FIELD = "brandNewField"
MEMBER = "teleported"


def is_of_tomorrow(skeleton: Skeleton, seed: int, share: float) -> bool:
    """Whether a record is among the share; the same one always is."""
    return share > 0 and random.Random(f"tomorrow {seed} {skeleton.id}").random() < share


def advanced(record: Json) -> Json:
    """The record with a new field in itself, its participants, sessions and segments, and with a
    new way to disconnect.
    """
    record[FIELD] = "tomorrow"
    for participant in record["participants"]:
        participant[FIELD] = True
        for session in participant["sessions"]:
            session[FIELD] = [{"depth": 1}]
            for segment in session["segments"]:
                segment[FIELD] = {"name": "tomorrow", "score": 4.25}
                if "disconnectType" in segment:
                    segment["disconnectType"] = MEMBER
    return record
