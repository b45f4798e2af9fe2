"""A conversation as somebody asks for it by hand, checked before it becomes part of the world."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from lastpage_sandbox.moments import DAY_MS, read
from lastpage_sandbox.skeleton import AGENTS, DIVISIONS, FATES, LIFE_MS_MAX, QUEUES, Skeleton

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LIFE_MS_MAX)]


class Handmade(msgspec.Struct, forbid_unknown_fields=True):
    """What POST of conversations takes; all but `start` may be left out, and without an end it is
    open.
    """

    start: str
    end: str | None = None
    #: When it becomes visible; at its start if not given.
    arrival: str | None = None
    id: str | None = None
    media: Literal["voice", "chat", "message", "email", "callback"] = "voice"
    direction: Literal["inbound", "outbound"] | None = "inbound"
    queue: str = QUEUES[0]
    agent: Annotated[int, msgspec.Meta(ge=0, lt=AGENTS)] = 0
    division: str = DIVISIONS[0]
    fate: str = "answered"
    lead_ms: Milliseconds = 20_000
    wait_ms: Milliseconds = 15_000
    acw_ms: Milliseconds = 10_000

    def skeleton(self, otherwise: str) -> Skeleton:
        """The skeleton, of the given id if it has none; a ValueError says what is wrong."""
        for name, value, known in (
            ("queue", self.queue, QUEUES),
            ("division", self.division, DIVISIONS),
            ("fate", self.fate, FATES),
        ):
            if value not in known:
                raise ValueError(f"there is no {name} {value!r}; there are {', '.join(known)}")
        if self.id is not None and not UUID.fullmatch(self.id):
            raise ValueError(f"id is a UUID in lower case; not {self.id!r}")
        start = moment_ms(self.start)
        end = None if self.end is None else moment_ms(self.end)
        if end is not None and not 0 <= end - start <= LIFE_MS_MAX:
            raise ValueError(
                f"a conversation ends after it starts and lives at most {LIFE_MS_MAX // DAY_MS} days"
            )
        return Skeleton(
            id=self.id or otherwise,
            start_ms=start,
            end_ms=end,
            arrival_ms=start if self.arrival is None else moment_ms(self.arrival),
            media=self.media,
            direction=self.direction,
            queue=self.queue,
            agent=self.agent,
            division=self.division,
            lead_ms=self.lead_ms,
            wait_ms=self.wait_ms,
            acw_ms=self.acw_ms,
            fate=self.fate,
        )


def moment_ms(text: str) -> int:
    """Milliseconds since 1970 of a date and time; a ValueError says how they look."""
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no date and time; they look like 2023-10-01T00:00:00Z"
        ) from None
