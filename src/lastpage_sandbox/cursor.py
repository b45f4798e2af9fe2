"""Cursors: opaque, different for each page, also for the one after an empty page (docs/api.md,
3.5).
"""

from __future__ import annotations

import base64

import msgspec

from lastpage_sandbox.replies import bad_request


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page begins, the how-manieth step that is, and when it was given out."""

    job: str
    at: int
    step: int
    given_ms: int

    @classmethod
    def read(cls, text: str, job: str, waited_ms: int, lifetime_s: float | None) -> Cursor:
        """The first page's for an empty text; a 400 for one that is none, another job's, or too old
        (11, row 8).
        """
        if not text:
            return cls(job, 0, 0, waited_ms)
        try:
            cursor = msgspec.json.decode(base64.b64decode(text, b"-_", validate=True), type=cls)
        except (ValueError, msgspec.MsgspecError):
            raise bad_request("The cursor is not valid.") from None
        if cursor.job != job or cursor.at < 0:
            raise bad_request("The cursor is not valid.")
        if lifetime_s is not None and waited_ms - cursor.given_ms > lifetime_s * 1000:
            raise bad_request("The cursor has expired.")
        return cursor

    def following(self, at: int, waited_ms: int) -> str:
        """The next page's, as it is sent; back at the beginning it is the one that was sent
        first.
        """
        step = Cursor(self.job, at, self.step + 1 if at else 0, waited_ms if at else 0)
        return base64.urlsafe_b64encode(msgspec.json.encode(step)).decode()
