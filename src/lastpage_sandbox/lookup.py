"""Details by id: several at once, or one (docs/api.md, 1.5). Without participant attributes, like
the synchronous query.
"""

from __future__ import annotations

from lastpage_sandbox.library import Library
from lastpage_sandbox.replies import Asked, Reply, bad_request, not_found


class Lookup:
    """Finds conversations by id, as they stand now."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def several(self, asked: Asked, now_ms: int) -> Reply:
        """Ids that nobody knows are just missing from the list."""
        names = [name for name in asked.query.get("id", "").split(",") if name]
        most = self._library.settings.ids_max
        if not names or (most is not None and len(names) > most):
            raise bad_request(
                "id names the conversations, separated by commas"
                + (f", at most {most}." if most else ".")
            )
        found = [self._rendered(name, now_ms) for name in dict.fromkeys(names)]
        return Reply(
            200, b'{"conversations":[' + b",".join(record for record in found if record) + b"]}"
        )

    def one(self, name: str, now_ms: int) -> Reply:
        record = self._rendered(name, now_ms)
        if record is None:
            raise not_found()
        return Reply(200, record)

    def _rendered(self, name: str, now_ms: int) -> bytes | None:
        skeleton = self._library.world.seen(name, now_ms)
        return (
            None if skeleton is None else self._library.rendered(skeleton, now_ms, attributes=False)
        )
