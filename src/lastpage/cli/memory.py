"""How the command's own process asks for memory: what it gives back is given back to the system.

A library leaves such choices to its host; the command is a host. Measured with 200,000 conversations, the two together are 150 MiB
of 410: Arrow's usual allocator keeps what it has had, and glibc keeps a heap for each of a dozen threads.
"""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

#: glibc's word for how many heaps there are at most (mallopt(3)), and how many are enough for two threads that work.
M_ARENA_MAX, ARENAS = -8, 2


def thrifty() -> None:
    """Call it first; it is for whole processes."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        # Another C library has no such call, and no such heaps.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, ARENAS)
