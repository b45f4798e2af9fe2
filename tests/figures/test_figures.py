"""Each figure of a queue report, on records made by hand, with the values that they must have."""

from __future__ import annotations

import pytest
from tests.figures.records import acd, agent, cells, record, session, together, told

from lastpage.errors import UsageError
from lastpage.figures.level import ServiceLevel
from lastpage.tables.counting import divided
from lastpage.tables.figures import RATIOS

RATIO = {each.name: divided(each) for each in RATIOS}


def offered(at: str) -> tuple[str, str, int]:
    return (at, "nOffered", 1)


def answered(at: str, wait_s: int) -> tuple[str, str, int]:
    return (at, "tAnswered", wait_s * 1000)


def handled(at: str, talk_s: int, acw_s: int, done: str) -> list[tuple[str, str, int]]:
    return [
        (done, "tTalkComplete", talk_s * 1000),
        (at, "tAcw", acw_s * 1000),
        (at, "tHandle", (talk_s + acw_s) * 1000),
    ]


def test_a_call() -> None:
    """A call that was answered: offered, answered and handled each in the half-hour of their own instant."""
    found = cells(
        record(
            1,
            acd("A", offered("09:29:50"), ("09:30:05", "tAcd", 15_000)),
            agent("A", answered("09:30:05", 15), *handled("10:01", 1_500, 60, "10:00")),
        )
    )
    assert {key: told(row) for key, row in found.items()} == {
        ("10 09:00", "A", "voice"): {"offered": 1, "conversations": 1},
        ("10 09:30", "A", "voice"): {"answered": 1, "answer_ms": 15_000, "wait_ms": 15_000},
        ("10 10:00", "A", "voice"): {
            "handled": 1,
            "handled_talked": 1,
            "handle_ms": 1_560_000,
            "talk_ms": 1_500_000,
            "acw_ms": 60_000,
        },
    }


def test_work_after_midnight() -> None:
    """After-call work that ends after midnight is the next day's, and so is all of the handle time."""
    found = cells(
        record(
            1,
            acd("A", offered("23:50")),
            agent("A", answered("23:51", 60), *handled("11 00:04", 480, 300, "23:59")),
            start="23:50",
        )
    )
    assert found["10 23:30", "A", "voice"]["handled"] == 0
    assert found["10 23:30", "A", "voice"]["talk_ms"] == 480_000
    late = found["11 00:00", "A", "voice"]
    assert (late["handled"], late["handle_ms"], late["acw_ms"]) == (1, 780_000, 300_000)
    assert (late["handled_talked"], late["talk_ms"]) == (1, None)


def test_the_same_queue_twice() -> None:
    """Each visit counts; the conversation once."""
    found = cells(
        record(
            1,
            acd("A", offered("09:01")),
            agent("A", answered("09:02", 60)),
            acd("A", offered("09:05")),
            agent("A", answered("09:06", 60)),
        )
    )
    row = found["10 09:00", "A", "voice"]
    assert (row["conversations"], row["offered"], row["answered"], row["unresolved"]) == (
        1,
        2,
        2,
        0,
    )


def test_a_refused_alert() -> None:
    """An agent who lets it ring makes no second offer and no answer; sent into after-call work, he has handle time without talk."""
    found = cells(
        record(
            1,
            acd("A", offered("09:01"), ("09:01:12", "tAcd", 12_411)),
            agent("A", ("09:01:08", "tNotResponding", 7_421), ("09:02", "tAcw", 57_000), ("09:02", "tHandle", 57_000)),
            agent("A", answered("09:01:12", 12), *handled("09:20", 300, 43, "09:10")),
        ),
        figures=", ".join(f"{RATIO[name]} as {name}" for name in ("aht_s", "asa_s")),
    )  # fmt: skip
    row = found["10 09:00", "A", "voice"]
    counts = {name: row[name] for name in ("offered", "answered", "not_responding", "unresolved")}
    assert counts == {"offered": 1, "answered": 1, "not_responding": 1, "unresolved": 0}
    assert (row["handled"], row["handled_talked"]) == (2, 1)
    assert row["aht_s"] == pytest.approx((57 + 343) / 2)
    assert row["asa_s"] == pytest.approx(12)


def test_a_transfer_to_a_person_and_one_to_a_queue() -> None:
    """To a person: no offer and no answer more. To a queue: one more of each there. Transfers count in the queue that was left."""
    handed = ("09:10", "nTransferred", 1)
    found = cells(
        record(
            1,
            acd("A", offered("09:01")),
            agent("A", answered("09:02", 60), handed, ("09:10", "nBlindTransferred", 1), ("09:11", "tHandle", 500)),
            agent("A", ("09:20", "tHandle", 700)),
        ),
        record(
            2,
            acd("A", offered("09:01")),
            agent("A", answered("09:02", 60), handed, ("09:10", "nConsultTransferred", 1), ("09:11", "tHandle", 500)),
            acd("B", offered("09:10")),
            agent("B", answered("09:12", 120), ("09:20", "tHandle", 700)),
        ),
    )  # fmt: skip
    names = ("offered", "answered", "transfers", "blind_transfers", "consult_transfers", "handled")
    left, reached = found["10 09:00", "A", "voice"], found["10 09:00", "B", "voice"]
    assert [left[name] for name in names] == [2, 2, 2, 1, 1, 3]
    assert [reached[name] for name in names] == [1, 1, 0, 0, 0, 1]


def test_a_web_message_that_was_left() -> None:
    """It was offered and never ended: unresolved, and no abandon; an abandon percentage would say otherwise, so there is none."""
    found = cells(
        record(1, acd("A", offered("09:01"), media="message")),
        figures=f"{RATIO['abandon_pct']} as abandon_pct, {RATIO['answered_pct']} as answered_pct",
    )
    row = found["10 09:00", "A", "message"]
    assert (row["offered"], row["unresolved"], row["abandoned"]) == (1, 1, 0)
    assert (row["abandon_pct"], row["answered_pct"]) == (None, 0)


def test_what_still_waits() -> None:
    """Of several visits to a queue the first ones are closed first; the one that is left is unresolved in its own half-hour."""
    found = cells(
        record(
            1,
            acd("A", offered("09:01")),
            agent("A", answered("09:02", 60)),
            acd("A", offered("09:40")),
            acd("B", offered("09:41"), ("09:42", "tAbandon", 60_000)),
        )
    )
    assert found["10 09:00", "A", "voice"]["unresolved"] == 0
    assert found["10 09:30", "A", "voice"]["unresolved"] == 1
    assert found["10 09:30", "B", "voice"]["unresolved"] == 0


def test_short_abandons() -> None:
    """They are among the abandoned, never beside them."""
    found = cells(
        record(1, acd("A", offered("09:01"), ("09:01:02", "tAbandon", 2_000), ("09:01:02", "tShortAbandon", 2_000))),
        record(2, acd("A", offered("09:01"), ("09:02", "tAbandon", 60_000))),
    )  # fmt: skip
    row = found["10 09:00", "A", "voice"]
    assert (row["abandoned"], row["short_abandons"], row["abandon_ms"]) == (2, 1, 62_000)
    assert row["wait_ms"] == 62_000


def test_a_voice_call_that_becomes_a_callback() -> None:
    """One flow-out of voice, and one offer of callback."""
    found = cells(
        record(
            1,
            acd("A", offered("09:01"), ("09:03", "tFlowOut", 120_000)),
            acd("A", offered("11 10:05"), media="callback"),
        )
    )
    voice, callback = found["10 09:00", "A", "voice"], found["11 10:00", "A", "callback"]
    assert (voice["offered"], voice["flowed_out"], voice["unresolved"]) == (1, 1, 0)
    assert (callback["offered"], callback["flowed_out"], voice["after_callback"]) == (1, 0, 0)


def test_a_callback_customer_first() -> None:
    """The callback has no outcome; the customer who was reached comes as voice, and is told apart."""
    level = ServiceLevel()
    ratios = {**RATIO, "service_level_pct": divided(level.ratio)}
    found = cells(
        record(
            1,
            acd("A", offered("09:01"), media="callback"),
            acd("A", offered("09:20")),
            agent("A", answered("09:20", 0), *handled("09:29", 400, 20, "09:28")),
        ),
        figures=", ".join(f"{sql} as {name}" for name, sql in ratios.items()),
    )
    callback, voice = found["10 09:00", "A", "callback"], found["10 09:00", "A", "voice"]
    assert (callback["offered"], callback["answered"], callback["unresolved"]) == (1, 0, 1)
    assert {callback[name] for name in ("answered_pct", "abandon_pct", "service_level_pct")} == {
        None
    }
    assert (voice["offered"], voice["answered"], voice["after_callback"]) == (1, 1, 1)
    assert voice["service_level_pct"] == 100


def test_a_callback_agent_first() -> None:
    """Answered on the callback session alone; its handle time stands in both of the agent's sessions, by medium."""
    took = agent("A", answered("09:05", 240), ("09:20", "tHandle", 600_000), media="callback")
    rang = agent("A", *handled("09:20", 580, 20, "09:19"))
    found = cells(record(1, acd("A", offered("09:01"), media="callback"), together(took, rang)))
    callback, voice = found["10 09:00", "A", "callback"], found["10 09:00", "A", "voice"]
    names = ("offered", "answered", "handled", "handled_talked", "handle_ms")
    assert [callback[name] for name in names] == [1, 1, 1, 0, 600_000]
    assert [voice[name] for name in names] == [0, 0, 1, 1, 600_000]
    assert voice["after_callback"] == 0


def test_a_session_with_two_queues() -> None:
    """A metric counts for the queue of the segment that holds its instant; where none does, for the first. Where two meet, an offer begins and all else ends."""
    both = [("09:00", "09:10", "A"), ("09:10", "09:30", "B")]
    waited = session(
        "acd", "voice", both,
        offered("09:00"), ("09:10", "tFlowOut", 600_000), offered("09:10"), ("09:20", "tAbandon", 600_000),
        ("11 09:00", "nOverSla", 1),
    )  # fmt: skip
    found = cells(record(1, waited))
    one, other = found["10 09:00", "A", "voice"], found["10 09:00", "B", "voice"]
    assert (one["offered"], one["flowed_out"], one["abandoned"]) == (1, 1, 0)
    assert (other["offered"], other["flowed_out"], other["abandoned"]) == (1, 0, 1)
    assert found["11 09:00", "A", "voice"]["over_sla"] == 1


def test_a_caller_who_never_was_offered() -> None:
    """A customer's segments name a queue from the first second on; who hangs up in the menu makes no row."""
    caller = session("customer", "voice", "A", ("09:01", "nConnected", 1), ("09:02", "tConnected", 60_000))  # fmt: skip
    menu = session("ivr", "voice", "", ("09:01", "nFlow", 1), ("09:02", "tFlowDisconnect", 50_000))
    assert cells(record(1, caller, menu)) == {}


def test_names_that_only_look_alike() -> None:
    """Talk is the total of a session, never its parts; names that the API does not have match nothing."""
    found = cells(
        record(
            1,
            acd("A", offered("09:01"), ("09:02", "tAbandoned", 60_000)),
            agent("A", ("09:10", "tTalk", 10), ("09:20", "tTalk", 20), ("09:20", "tTalkComplete", 30),
                  ("09:20", "tHeld", 5), ("09:20", "tHeldComplete", 5), ("09:20", "tPark", 8), ("09:20", "tParkComplete", 8)),
        )
    )["10 09:00", "A", "voice"]  # fmt: skip
    assert (found["abandoned"], found["talk_ms"], found["hold_ms"], found["held"]) == (0, 30, 5, 1)
    assert found["parked_ms"] == 8


def test_customer_first_metrics_of_their_own() -> None:
    """`tCfc…` stand in columns of their own, and change no other."""
    names = ("nCfcOffered", "tCfcAnswered", "tCfcAbandon", "tCfcFlowOut")
    found = cells(
        record(1, acd("A", *[("09:01", name, 1) for name in names], media="callback")),
    )["10 09:00", "A", "callback"]
    assert told(found) == dict.fromkeys(
        ("cfc_offered", "cfc_answered", "cfc_abandoned", "cfc_flowed_out"), 1
    )


#: Ten answered, one of them over the target and three of them after more than 20 s; four abandons, one of them short; two flow-outs.
DAY = [
    *[record(number, acd("A", offered("09:01")), agent("A", answered("09:02", 20))) for number in range(7)],
    *[record(number, acd("A", offered("09:01")), agent("A", answered("09:02", 25))) for number in (7, 8)],
    record(9, acd("A", offered("09:01"), ("09:02", "nOverSla", 1)), agent("A", answered("09:02", 40))),
    *[record(number, acd("A", offered("09:01"), ("09:02", "tAbandon", 30_000))) for number in (10, 11, 12)],
    record(13, acd("A", offered("09:01"), ("09:01:02", "tAbandon", 2_000), ("09:01:02", "tShortAbandon", 2_000))),
    *[record(number, acd("A", offered("09:01"), ("09:02", "tFlowOut", 30_000))) for number in (14, 15)],
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "switches", "level"),
    [
        (None, {}, 100 * 9 / 14),
        (None, {"flow_outs": True}, 100 * 9 / 16),
        (None, {"short_abandons": False}, 100 * 9 / 13),
        (None, {"abandons": False}, 100 * 9 / 10),
        (None, {"abandons": False, "short_abandons": False}, 100 * 9 / 10),
        (None, {"flow_outs": True, "abandons": False}, 100 * 9 / 12),
        ("80/20", {}, 100 * 7 / 14),
        ("80/24", {}, 100 * 7 / 14),
        ("80/25", {"flow_outs": True, "short_abandons": False}, 100 * 9 / 15),
    ],
)
def test_the_service_level(typed: str | None, switches: dict[str, bool], level: float) -> None:
    """Answered in time ÷ what the switches of the organisation take into it; the target is theirs, or a threshold of ours."""
    asked = ServiceLevel.parse(typed, **switches)
    found = cells(*DAY, level=asked, figures=f"{divided(asked.ratio)} as level")
    assert found["10 09:00", "A", "voice"]["level"] == pytest.approx(level)


def test_the_formula_is_told() -> None:
    """What was divided by what stands under the figure."""
    told_ = ServiceLevel.parse("80/20", flow_outs=True, short_abandons=False).counted
    assert "within 20 s (ours" in told_
    assert "(answered + abandoned, less short abandons + flowed out)" in told_
    assert "÷ (answered)." in ServiceLevel(abandons=False).counted


@pytest.mark.parametrize("typed", ["", "80", "20 s", "80/0", "0/20", "101/20", "80/20/3", "80/x"])
def test_what_is_no_service_level(typed: str) -> None:
    with pytest.raises(UsageError, match="write 80/20"):
        ServiceLevel.parse(typed)


def test_nothing_to_divide_by() -> None:
    """A percentage or an average of nothing is null: neither 0 nor 100."""
    level = ServiceLevel()
    ratios = {**RATIO, "service_level_pct": divided(level.ratio)}
    found = cells(
        record(1, agent("A", ("09:01", "tAcw", 5))),
        figures=", ".join(f"{sql} as {name}" for name, sql in ratios.items()),
    )["10 09:00", "A", "voice"]
    assert {found[name] for name in ratios} == {None}
    assert (found["offered"], found["handle_ms"], found["acw_ms"]) == (0, None, 5)
