"""Pages that are too large: what becomes of them, as the switches say (docs/api.md, 11, row 26)."""

from __future__ import annotations

from dataclasses import replace

from lastpage_sandbox.replies import Refusal, Reply, plain
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.wire import encoded

#: What no client should be made to take for one page.
HUGE_BYTES = 270_000_000


def held_to_size(reply: Reply, rows: int, settings: Settings) -> Reply:
    """The page with so many rows, if it is not too large; else what the switch says."""
    most, most_bytes = settings.page_rows_max, settings.page_bytes_max
    is_large = (most is not None and rows > most) or (
        most_bytes is not None and len(encoded(reply)) > most_bytes
    )
    if not is_large or not rows:
        return reply
    match settings.page_too_large:
        case "400":
            raise Refusal(400, "response.entity.too.large", "The response is over the size limit.")
        case "huge":
            return replace(reply, body=encoded(reply).ljust(HUGE_BYTES))
        case status:
            raise plain(int(status))
