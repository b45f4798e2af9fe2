"""The figures of a queue report: what each is, and the SQL that counts them in DuckDB and
PostgreSQL alike.

A cell is a half-hour (or a UTC day), a queue and a medium. Three rules come before any figure:

    a metric counts   because
    ----------------  ----------------------------------------------------------------------------
    when              in the half-hour of its `emit_date`, whole. Counts are emitted at once, times
                      when what they measure is over. The start of a conversation says nothing of
                      it: one day's email handle time was 741,303 s by start and 366,805 s by
                      emission (the vendor's glossary on handle time; developer forum, 18235)
    for whom          for the queue of its session's segments, and the session's medium. Where a
                      session names several queues, the segment that holds the instant decides;
                      where none does, the first (a guess: nobody says). A count as an offer begins
                      what it is about, so of two segments that meet it takes the later one
    at all            if it is in a formula below. Whoever hung up before he was offered to a queue
                      makes no row, though the caller's segments name one

`n(x)` is how many rows of metric x there are, `v(x)` the sum of their values. What only sums of
several rows can say is made beforehand, as rows of its own (`MADE`). Percentages and averages are
made of sums, never of percentages or averages, and are null where there is nothing to divide by.

How sure: `vendor` the help pages or staff say so · `seen` one client against a live organisation,
one real record, or a plain inference · `guess`. docs/figures.md is written from these tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Sure = Literal["vendor", "seen", "guess"]
HALF_HOUR_S, DAY_S = 1_800, 86_400


@dataclass(frozen=True, slots=True)
class Sum:
    """A figure that adds up over half-hours, and over nothing else unless it says so."""

    name: str
    #: In n, v and `different`, which is how many conversations have one.
    formula: str
    sure: Sure
    source: str
    #: How this was counted, for whoever reads the number.
    counted: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure that is a sum divided by another."""

    name: str
    over: str
    under: str
    #: What one of it is: a hundred for percentages, a thousandth for seconds.
    times: float
    sure: Sure
    source: str
    counted: str
    #: Media of which it would say something that is not so, and is null.
    never: tuple[str, ...] = ()


#: In the order of the views' columns; new ones come last, since PostgreSQL keeps the order.
SUMS = (
    Sum("conversations", "different(nOffered)", "vendor", "help: offered metric",
         "Conversations offered here at least once. They do not add up: one may be in two "
         "half-hours or queues."),
    Sum("offered", "v(nOffered)", "vendor", "help: offered metric; refused alert: one record",
         "Every entry into the queue counts; the same conversation twice is 2, a transfer to a "
         "queue is one more there, a refused alert is none."),
    Sum("answered", "n(tAnswered)", "vendor", "help: answered and handle metrics",
         "An agent answered what came through the queue, at that moment. A transfer to a person "
         "is none, a transfer to a queue is one more there."),
    Sum("abandoned", "n(tAbandon)", "vendor", "help: what abandons include",
         "Hung up, or was cut off, in the queue before an agent was connected, short ones too. "
         "Web messaging has none."),
    Sum("flowed_out", "n(tFlowOut)", "vendor", "help: offered metric",
         "Left the queue for voicemail, a callback, another flow or queue. A transfer by an "
         "agent is none."),
    Sum("wait_ms", "v(tAnswered, tAbandon, tFlowOut)", "seen", "a monitoring vendor on tWait",
         "Time in the queue of all three endings, counted when it ended."),
    Sum("talk_ms", "v(tTalkComplete)", "vendor", "help: metric definitions",
         "Talk of each agent's session, all of it once it is over. Two agents at once count "
         "twice."),
    Sum("hold_ms", "v(tHeldComplete)", "vendor", "help: hold time; utilization",
         "Hold of each agent's session. In email, chat and message it is time on other "
         "interactions."),
    Sum("acw_ms", "v(tAcw)", "vendor", "help: average handle time",
         "After-call work, counted when it ends: after midnight that is the next day."),
    Sum("handle_ms", "v(tHandle)", "vendor", "help: average handle time; community, 2017",
         "Handle time of each agent's session, counted when the after-call work is done. A "
         "callback has it in its callback and in its voice session: never add media up."),
    Sum("short_abandons", "n(tShortAbandon)", "vendor", "help: what abandons include",
         "Those of the abandoned that were shorter than the organisation's threshold at the "
         "time. They are in `abandoned`, too."),
    Sum("unresolved", "n(unresolved)", "seen", "help: offered metric; one client",
         "Offers without an answer, an abandon or a flow-out so far: still waiting, web messages "
         "that were left, customer-first callbacks. Not abandons."),
    Sum("over_sla", "v(nOverSla)", "vendor", "help: service level; developer forum, 21914",
         "Those of the answered that missed the target of queue and medium as it was then. Of "
         "which session, and at which moment, is a guess."),
    Sum("after_callback", "n(after callback)", "seen", "one client, checked by its author",
         "Those offered by voice after the same conversation was offered as a callback: "
         "customers who were called back first. They are answered at once and flatter voice."),
    Sum("answer_ms", "v(tAnswered)", "vendor", "help: metric definitions; one record",
         "Time in the queue of the answered, alerts included; neither the menu nor the delay "
         "before the queue."),
    Sum("abandon_ms", "v(tAbandon)", "vendor", "help: metric definitions",
         "Time in the queue of the abandoned."),
    Sum("flow_out_ms", "v(tFlowOut)", "vendor", "help: metric definitions",
         "Time in the queue of those who flowed out."),
    Sum("handled", "n(tHandle)", "vendor", "help: answered and handle metrics; ringing: one record",
         "Once an agent's session, outbound and transfers to a person included. Who let it ring "
         "and was sent into after-call work counts, too."),
    Sum("handled_talked", "n(handled talked)", "seen", "one record",
         "Those of the handled in which somebody talked."),
    Sum("held", "n(tHeldComplete)", "vendor", "help: hold time",
         "Agents' sessions that had hold."),
    Sum("parked_ms", "v(tParkComplete)", "vendor", "help: parking",
         "Parked emails and messages. It is no part of handle time."),
    Sum("transfers", "v(nTransferred)", "seen", "one record; a walk over records",
         "Handed on by an agent, counted in the queue that was left."),
    Sum("blind_transfers", "v(nBlindTransferred)", "seen", "names in the SDK",
         "Those of the transfers without a talk before."),
    Sum("consult_transfers", "v(nConsultTransferred)", "seen", "names in the SDK",
         "Those of the transfers after a talk."),
    Sum("not_responding", "n(tNotResponding)", "seen", "one record",
         "Alerts that an agent let ring. The offer goes on, so never subtract them."),
    Sum("cfc_offered", "v(nCfcOffered)", "guess", "a name in the SDK",
         "By its name, customer-first callbacks that were offered. In no other figure."),
    Sum("cfc_answered", "n(tCfcAnswered)", "guess", "a name in the SDK",
         "By its name, customer-first callbacks that were answered. In no other figure."),
    Sum("cfc_abandoned", "n(tCfcAbandon)", "guess", "a name in the SDK",
         "By its name, customer-first callbacks that were abandoned. In no other figure."),
    Sum("cfc_flowed_out", "n(tCfcFlowOut)", "guess", "a name in the SDK",
         "By its name, customer-first callbacks that flowed out. In no other figure."),
)  # fmt: skip
#: Rows that are made of others: what each stands for.
MADE = {
    "unresolved": "an offer beyond those that an ending of the same conversation, queue and "
    "medium has closed; the first offers are closed first",
    "after callback": "an offer by voice, where the conversation was offered as a callback before",
    "handled talked": "a `tHandle` whose session has a `tTalkComplete`",
}
RATIOS = (
    Ratio("answered_pct", "answered", "offered", 100, "vendor", "help: answered metrics",
         "Answered ÷ offered. Near the edges of an interval it drifts, and may be over 100. Null "
         "for callbacks: customer-first ones are never answered as such.", ("callback",)),
    Ratio("abandon_pct", "abandoned", "offered", 100, "vendor", "help: what abandons include",
         "Abandoned ÷ offered. Near the edges of an interval it drifts, and may be over 100. "
         "Null for messages, of which web messaging has no abandons, and for callbacks.",
         ("callback", "message")),
    Ratio("asa_s", "answer_ms", "answered", 0.001, "vendor", "help: metric definitions",
         "Average speed of answer: time in the queue of the answered ÷ answered."),
    Ratio("wait_s", "wait_ms", "answered + abandoned + flowed_out", 0.001,
         "seen", "a monitoring vendor on tWait",
         "Average wait of all three endings."),
    Ratio("aht_s", "handle_ms", "handled", 0.001, "vendor", "help: average handle time",
         "Average handle time: handle ÷ handled. Never ÷ answered, never over several media."),
    Ratio("talk_s", "talk_ms", "handled", 0.001, "vendor", "help: average handle time",
         "Talk ÷ handled: a part of the average handle time."),
    Ratio("hold_s", "hold_ms", "handled", 0.001, "vendor", "help: hold time",
         "Hold ÷ handled: a part of the average handle time. The vendor's average hold is by "
         "hold, not by handled."),
    Ratio("acw_s", "acw_ms", "handled", 0.001, "vendor", "help: average handle time",
         "After-call work ÷ handled: a part of the average handle time. What was added late is "
         "in it, and not in handle time."),
    Ratio("transfer_pct", "transfers", "handled", 100, "seen", "one record",
         "Transfers ÷ handled."),
)  # fmt: skip
NAMES = [each.name for each in SUMS]
ENDS = ("tAnswered", "tAbandon", "tFlowOut")
#: Every metric that a formula needs.
METRICS = sorted(
    {
        name
        for each in SUMS
        for name in re.split(r", ", each.formula[each.formula.index("(") + 1 : -1])
        if name not in MADE
    }
)
#: The columns that the SQL reads, beside days and keys.
NEEDS = {
    "segments": ("queue_id", "segment_start", "segment_end"),
    "sessions": ("media_type",),
    "metrics": ("name", "value", "emit_date"),
}
NEEDED = {f"{table}.{column}" for table, columns in NEEDS.items() for column in columns}
#: The views, with how long their cells are and what those are called.
VIEWS = {"queues_by_day": (DAY_S, "day"), "queues_by_interval": (HALF_HOUR_S, "half_hour")}
