"""`python -m tests.looker PLACE [content]`: verify PLACE without the right to write, and print the state of each day.

What is there was fetched from `organisation()`, whose conversations are the same in every process.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

from lastpage import LastpageError
from tests.inprocess import World, world

#: The version of the kernel's interface that has 64 capabilities (capabilities(7)).
VERSION_3 = 0x20080522


def organisation() -> World:
    return world(per_day=30)


def obey_permissions() -> None:
    """The superuser of Linux passes over permission bits by its capabilities, so it gives them up."""
    if sys.platform == "linux" and os.geteuid() == 0:
        header, none = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0, ctypes.get_errno()


def main() -> None:
    made = organisation()
    obey_permissions()
    try:
        verification = made.cloud().verify(sys.argv[1], content="content" in sys.argv)
    except LastpageError as problem:
        print(json.dumps(str(problem)))
    else:
        print(json.dumps({proof.day: proof.state for proof in verification.proofs}))


if __name__ == "__main__":
    main()
