"""Ids of what the organisation has: the same name has the same id in every record and every
list.
"""

from __future__ import annotations

import random
import uuid
from functools import lru_cache


@lru_cache(maxsize=4096)
def name_id(seed: int, *name: object) -> str:
    """The UUID of a queue, an agent, a division …"""
    return str(uuid.UUID(int=random.Random(f"{seed} {name}").getrandbits(128), version=4))


def uuid_of(bits: int) -> str:
    """128 random bits as a UUID of version 4; quicker than `uuid.UUID`, and records are full of
    them.
    """
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[bits & 3]}{text[17:20]}-{text[20:]}"
