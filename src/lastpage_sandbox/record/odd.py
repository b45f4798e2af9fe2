"""What the API's model does not describe, and a server may send all the same."""

from __future__ import annotations

import re

MOMENT = re.compile(rb'(:\d\d\.\d{3})Z"')


def finer(record: bytes, digits: int) -> bytes:
    """A record in which times have so many digits of a second: three, and then nines."""
    return MOMENT.sub(rb"\g<1>" + b"9" * (digits - 3) + b'Z"', record)
