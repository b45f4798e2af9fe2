"""What the API's model does not describe, and a server may send all the same."""

from __future__ import annotations

import random
import re
from typing import Any

from lastpage_sandbox.skeleton import Skeleton

Json = dict[str, Any]
MOMENT = re.compile(rb'(:\d\d\.\d{3})Z"')
ATTRIBUTES = {"score": 5, "vip": True, "address": {"city": "Bonn"}}


def finer(record: bytes, digits: int) -> bytes:
    """A record in which times have so many digits of a second: three, and then nines."""
    return MOMENT.sub(rb"\g<1>" + b"9" * (digits - 3) + b'Z"', record)


def is_odd(skeleton: Skeleton, seed: int, share: float) -> bool:
    """Whether a record is among the share; the same one always is."""
    return share > 0 and random.Random(f"odd {seed} {skeleton.id}").random() < share


def spoilt(record: Json) -> Json:
    """The record with values of other types than the model's: in the first session of each
    participant a metric and the end of a segment, and attributes, where it shows any.
    """
    for participant in record["participants"]:
        if "attributes" in participant:
            participant["attributes"] |= ATTRIBUTES
        for session in participant["sessions"][:1]:
            for metric in session.get("metrics", [])[:1]:
                metric["value"] = 12.5
            for segment in session["segments"][:1]:
                segment["segmentEnd"] = ""
    return record
