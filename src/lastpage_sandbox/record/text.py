"""Conversations in writing: chat, message and email (docs/api.md, 5.2, 5.7)."""

from __future__ import annotations

from functools import partial
from typing import Any

from lastpage_sandbox.record.agent import Handling, agent
from lastpage_sandbox.record.draft import Draft, Line
from lastpage_sandbox.record.handed import handed
from lastpage_sandbox.record.queue import acd, waited
from lastpage_sandbox.record.shape import Flow, Participant

MESSENGERS = ("webmessaging", "whatsapp", "sms", "facebook", "apple")
SUBJECTS = (
    "Rechnung 4711",
    "Where is my order?",
    'Re: "Angebot" — Frage',
    "Kündigung zum Monatsende",
    "📦 kaputt",
)
#: Exchanges between agent and customer in a thread.
TURNS_MAX = 3


def chat(draft: Draft) -> list[Participant]:
    """A chat in the browser; a hand-made medium that has no file of its own looks like this,
    too.
    """
    customer, media, facts = draft.id(), draft.skeleton.media, {"provider": "Webchat Provider"}
    guest = _customer(draft, media, customer, "timeout", facts)
    return [guest, *handed(draft, customer, media, partial(_behind, facts, customer))]


def message(draft: Draft) -> list[Participant]:
    """A thread that may stay open for days: a bot first, where it came in, then the queue."""
    facts = {
        "address_from": draft.phone(),
        "address_to": "+4989100001",
        "message_type": MESSENGERS[draft.below(len(MESSENGERS))],
        "provider": "PureCloud Messaging",
    }
    customer = draft.id()
    bot = [_bot(draft, customer, facts)] if draft.skeleton.direction != "outbound" else []
    guest = _customer(
        draft, "message", customer, "client", facts | {"authenticated": draft.below(2) == 0}
    )
    return [guest, *bot, *_thread(draft, customer, "message", facts)]


def email(draft: Draft) -> list[Participant]:
    """A thread with a subject, waiting in its queue for hours and answered over days."""
    guest, desk = (
        f"guest.{draft.below(100_000)}@example.org",
        f"{draft.skeleton.queue.lower().replace(' ', '.')}@example.com",
    )
    copies = ["archive@example.com"] if draft.below(4) == 0 else None
    subject = SUBJECTS[draft.below(len(SUBJECTS))]
    inbound = draft.skeleton.direction != "outbound"
    facts = {
        "address_from": guest if inbound else desk,
        "address_other": guest,
        "address_self": desk,
        "address_to": desk if inbound else guest,
        "cc": copies,
        "provider": "PureCloud Email",
    }
    customer = draft.id()
    return [
        _customer(draft, "email", customer, "peer", facts, subject),
        *_thread(draft, customer, "email", facts),
    ]


def _customer(
    draft: Draft,
    media: str,
    session: str,
    how: str,
    facts: dict[str, Any],
    subject: str | None = None,
) -> Participant:
    skeleton = draft.skeleton
    start, done = skeleton.start_ms, skeleton.done_ms
    line = Line(draft)
    line.segment("interact", start, done, how, queue_id=draft.queue_id, subject=subject)
    line.metric(start, "nConnected")
    line.metric(done, "tConnected", done - start)
    for opened, end in _second(draft):
        line.segment("interact", opened, end, how, queue_id=draft.queue_id, subject=subject)
        line.metric(end, "tConnected", end - opened)
    name = ("Guest", "Ana Souza", "Jürgen Groß", "李雷")[draft.below(4)]
    return Participant(
        participant_id=draft.id(),
        participant_name=name,
        purpose="customer",
        external_contact_id=draft.id(),
        sessions=line.session(media, session, **facts),
    )


def _bot(draft: Draft, peer: str, facts: dict[str, Any]) -> Participant:
    start, left = draft.skeleton.start_ms, draft.skeleton.queued_ms
    line = Line(draft)
    line.segment("ivr", start, left, "transfer")
    line.metric(start, "nFlow")
    for name in ("tFlow", "tFlowExit", "tIvr"):
        line.metric(left, name, left - start)
    line.metric(left, "nBotInteractions", 1 + draft.below(4))
    flow = Flow(
        entry_type="direct",
        exit_reason="TRANSFER" if left <= draft.until_ms else None,
        flow_id=draft.name("flow", "bot"),
        flow_name="First Line Bot",
        flow_type="INBOUNDSHORTMESSAGE",
        flow_version="12.0",
        starting_language="de",
    )
    sessions = line.session("message", draft.id(), flow=flow, peer_id=peer, **facts)
    return Participant(
        participant_id=draft.id(),
        participant_name=flow.flow_name,
        purpose="botflow",
        sessions=sessions,
    )


def _thread(draft: Draft, peer: str, media: str, facts: dict[str, Any]) -> list[Participant]:
    """Inbound by the queue, outbound by an agent at once; nobody passes a thread on in two ways."""
    skeleton = draft.skeleton
    if skeleton.direction != "outbound" and skeleton.fate != "answered":
        return handed(draft, peer, media, partial(_behind, facts, peer))
    queued, left, done = skeleton.queued_ms, skeleton.left_ms, skeleton.done_ms
    visits, wait = [], None
    if skeleton.direction == "outbound":
        queued = left = skeleton.start_ms
    else:
        visits = [acd(draft, peer, skeleton.queue, (queued, left), "answered", media, **facts)]
        wait = waited(media, queued, left)
    parts = _turns(draft, left, done)
    handling = Handling(
        skeleton.agent,
        max(queued, left - 4_000),
        parts,
        skeleton.first_end_ms,
        wait,
        skeleton.queue,
        how="client",
    )
    return [*visits, _writer(draft, handling, media, _behind(facts, peer))]


def _turns(draft: Draft, answered: int, done: int) -> list[tuple[str, int, int]]:
    """Writing, and in between waiting for the customer with the thread parked."""
    turns = 1 + draft.below(TURNS_MAX)
    edges = [answered + (done - answered) * step // (2 * turns - 1) for step in range(2 * turns)]
    kinds = ("interact", "parked") * turns
    return [(kind, start, end) for kind, start, end in zip(kinds, edges, edges[1:], strict=False)]


def _writer(draft: Draft, handling: Handling, media: str, facts: dict[str, Any]) -> Participant:
    """An agent with the metrics that only writing has."""
    line = Line(draft)
    replies = [(start, end) for kind, start, end in handling.parts if kind == "interact"]
    for number, (start, end) in enumerate(replies):
        line.metric(end, "tAgentResponseTime" if number else "tFirstResponse", end - start)
    line.metric(handling.done_ms, "oMessageCount", len(replies))
    line.metric(handling.done_ms, "oMessageTurn", 2 * len(replies) - 1)
    for opened, end in _second(draft):
        line.segment("interact", opened, end, handling.how, queue_id=draft.queue_id)
        for name in ("tTalk", "tTalkComplete", "tHandle"):
            line.metric(end, name, end - opened)
    return agent(draft, handling, media, line, **facts)


def _second(draft: Draft) -> list[tuple[int, int]]:
    """The second life of a thread that opened again, if it had one (3.4)."""
    skeleton = draft.skeleton
    if skeleton.reopened is None or skeleton.end_ms is None:
        return []
    return [(skeleton.reopened[1], skeleton.end_ms)]


def _behind(facts: dict[str, Any], peer: str) -> dict[str, Any]:
    return facts | {"peer_id": peer}
