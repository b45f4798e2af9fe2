"""A skeleton rendered: the tree of participants, sessions, segments and metrics, as it stands at a
moment (docs/api.md, 5).

One file a medium or idea; `draft.py` is the timeline they are laid out on, `shape.py` the tree they
make.
"""

from __future__ import annotations

from collections.abc import Callable

from lastpage_sandbox.later import Later
from lastpage_sandbox.moments import stamp
from lastpage_sandbox.record.afterwards import evaluations, resolutions, surveys
from lastpage_sandbox.record.attributes import attributes as attributes_of
from lastpage_sandbox.record.callback import callback
from lastpage_sandbox.record.draft import Draft, joined
from lastpage_sandbox.record.names import name_id
from lastpage_sandbox.record.outbound import campaign, dialed, personal
from lastpage_sandbox.record.shape import Conversation, Participant
from lastpage_sandbox.record.text import chat, email, message
from lastpage_sandbox.record.voice import voice
from lastpage_sandbox.skeleton import Skeleton

__all__ = ["Conversation", "name_id", "render", "stamp"]

Cast = Callable[[Draft], list[Participant]]
MEDIA: dict[str, Cast] = {
    "voice": voice,
    "chat": chat,
    "message": message,
    "email": email,
    "callback": callback,
}
OUTBOUND: dict[str, Cast] = {"campaign": campaign, "unreached": campaign, "personal": personal}


def render(
    skeleton: Skeleton, seed: int, at_ms: int, later: Later, *, attributes: bool
) -> Conversation:
    """The record as the API would show it at `at_ms`; participant attributes only where jobs have
    them.
    """
    draft = Draft(skeleton, seed, at_ms, later)
    participants = joined(_cast(skeleton)(draft))
    noted = attributes_of(draft)
    if attributes and participants:
        participants[0].attributes = noted
    ended, voiced = skeleton.ended_at(at_ms), bool(draft.stats)
    return Conversation(
        conversation_end=None if ended is None else stamp(ended),
        conversation_id=skeleton.id,
        conversation_initiator=_initiator(skeleton),
        conversation_start=stamp(skeleton.start_ms),
        customer_participation=None if skeleton.media == "voice" else True,
        division_ids=[draft.name("division", skeleton.division)],
        media_stats_min_conversation_mos=min(stat.min_mos for stat in draft.stats)
        if voiced
        else None,
        media_stats_min_conversation_r_factor=min(stat.min_r_factor for stat in draft.stats)
        if voiced
        else None,
        originating_direction=skeleton.direction,
        evaluations=evaluations(draft),
        surveys=surveys(draft),
        resolutions=resolutions(draft),
        participants=participants,
    )


def _cast(skeleton: Skeleton) -> Cast:
    if skeleton.fate in OUTBOUND:
        return OUTBOUND[skeleton.fate]
    if skeleton.media == "voice" and skeleton.direction == "outbound":
        return dialed
    return MEDIA.get(skeleton.media, chat)


def _initiator(skeleton: Skeleton) -> str | None:
    if skeleton.media == "voice":
        return None
    return "agent" if skeleton.direction == "outbound" else "customer"
