"""Work that may leave smaller pieces of work: done in turn or in threads, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def worked(todo: Iterable[T], work: Callable[[T], list[T]], threads: int) -> Iterator[T]:
    """Each piece once it was worked on; what `work` returns joins the queue. The first error ends it."""
    return _in_turn(todo, work) if threads == 1 else _in_threads(todo, work, threads)


def _in_turn(todo: Iterable[T], work: Callable[[T], list[T]]) -> Iterator[T]:
    """One after the other, in this thread: for simulations and for those who want no threads."""
    waiting = list(todo)
    while waiting:
        piece = waiting.pop(0)
        waiting = work(piece) + waiting
        yield piece


def _in_threads(todo: Iterable[T], work: Callable[[T], list[T]], threads: int) -> Iterator[T]:
    pool = ThreadPoolExecutor(threads, "lastpage")
    try:
        running: dict[Future[list[T]], T] = {pool.submit(work, piece): piece for piece in todo}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                piece = running.pop(future)
                running.update({pool.submit(work, part): part for part in future.result()})
                yield piece
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
