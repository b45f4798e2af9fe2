"""A cache that knows its size: the least used is put out when the weights on it exceed the
limit.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Shelf(Generic[Value]):
    """Values by key. A key must name everything its value depends on, so that nothing on the shelf
    is ever stale.
    """

    def __init__(self, limit: int, weigh: Callable[[Value], int]) -> None:
        self.limit = limit
        self.weight = 0
        self._weigh = weigh
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made outside the lock where it is missing: two threads may make the
        same one.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._put(key, value)
        return value

    def _put(self, key: Hashable, value: Value) -> None:
        if key in self._values:
            return
        self._values[key] = value
        self.weight += self._weigh(value)
        while self.weight > self.limit:
            _, oldest = self._values.popitem(last=False)
            self.weight -= self._weigh(oldest)
