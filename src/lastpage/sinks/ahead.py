"""Work done ahead of who asks for it, in a few threads, handed over in order; a few results wait at most."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
#: Parsing lets other threads run; two keep two cores busy, and more would only hold more pages.
THREADS = 2
WAITING_MAX = 2


def ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """`map(work, items)`, where the next results are worked out while one is used."""
    pool = ThreadPoolExecutor(THREADS, "lastpage-shred")
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > WAITING_MAX:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
