"""A conversation without its tree: who, when, and how it went. Cheap enough to draw by the million;
`record` renders it.
"""

from __future__ import annotations

import msgspec

from lastpage_sandbox.moments import DAY_MS, HOUR_MS

#: No drawn conversation lives longer; one that never ends is active for as long.
LIFE_MS_MAX = 5 * DAY_MS
QUEUES = ("Sales", "Support", "Billing", "Retention", "Returns", "Second Level")
DIVISIONS = ("Home", "North", "South")
AGENTS = 60
#: How a conversation went; `customer first` is a callback. Outbound calls are dialled by an agent unless they are one of the last
#: three.
FATES = (
    "answered", "abandoned", "transferred", "consulted", "unanswered", "voicemail",
    "customer first", "campaign", "unreached", "personal",
)  # fmt: skip


class Skeleton(msgspec.Struct, frozen=True, gc=False):
    """Times are milliseconds since 1970; `end_ms` None never ends."""

    id: str
    start_ms: int
    end_ms: int | None
    #: When it becomes visible; usually its start.
    arrival_ms: int
    media: str = "voice"
    #: None: a conversation without an originating direction.
    direction: str | None = "inbound"
    queue: str = QUEUES[0]
    agent: int = 0
    division: str = DIVISIONS[0]
    #: Milliseconds from the start to the queue, in the queue, and of work after the call.
    lead_ms: int = 20_000
    wait_ms: int = 15_000
    acw_ms: int = 10_000
    fate: str = "answered"
    #: A thread that ended and opened again: its first end, and when it opened (docs/api.md, 3.4).
    reopened: tuple[int, int] | None = None

    def lives_into(self, start_ms: int, end_ms: int) -> bool:
        """Whether its life touches `[start, end)`."""
        last = self.start_ms + LIFE_MS_MAX if self.end_ms is None else self.end_ms
        return self.start_ms < end_ms and last >= start_ms

    @property
    def first_end_ms(self) -> int:
        """Where the timeline of its first life ends; what never ends stands still after an hour."""
        if self.reopened is not None:
            return self.reopened[0]
        return self.start_ms + HOUR_MS if self.end_ms is None else self.end_ms

    @property
    def queued_ms(self) -> int:
        return min(self.start_ms + self.lead_ms, self.first_end_ms)

    @property
    def left_ms(self) -> int:
        """When it left the queue: who hangs up while waiting waits to the end."""
        end = self.first_end_ms
        return end if self.fate == "abandoned" else min(self.queued_ms + self.wait_ms, end)

    @property
    def done_ms(self) -> int:
        """When the talking was over and the work after it began; what never ends is never done."""
        if self.end_ms is None:
            return self.first_end_ms
        return max(self.first_end_ms - self.acw_ms, self.left_ms)

    @property
    def dialed_ms(self) -> int:
        """When the agent of a callback dialled: from here on it has a second medium, voice."""
        return self.left_ms + min(4_000, (self.done_ms - self.left_ms) // 4)

    def seen_until(self, at_ms: int) -> int:
        """The last moment of its timeline that can be seen at a moment; what never ends stands
        still before its imagined end.
        """
        return at_ms if self.end_ms is not None else min(at_ms, self.first_end_ms - 1)

    def has_media(self, media: str, at_ms: int) -> bool:
        """Whether a session of this medium has begun: a callback gets a second one."""
        if self.media == media:
            return True
        dialed = (
            self.media == "callback"
            and self.fate != "abandoned"
            and self.dialed_ms <= self.seen_until(at_ms)
        )
        return dialed and media == "voice"

    def ended_at(self, at_ms: int) -> int | None:
        """The end as it stands at a moment, None while it is open; a thread that opened again has
        lost its first one.
        """
        if self.reopened is not None and at_ms < self.reopened[1]:
            return self.reopened[0] if self.reopened[0] <= at_ms else None
        return self.end_ms if self.end_ms is not None and self.end_ms <= at_ms else None
