"""What happens to conversations after they ended, on schedule and behind its settings: docs/api.md, 3.4, and rows of 11."""

from typing import Any

import msgspec
import pytest
from tests.sandbox.box import DAYS, HOUR, MINUTE, Box, Json, lasting, measured, ms, parts, talk

from lastpage_sandbox.later import MOVE_MS_MAX, NIGHT_MS, night_after
from lastpage_sandbox.moments import stamp
from lastpage_sandbox.skeleton import FATES, LIFE_MS_MAX, Skeleton

NEVER = {
    f"{name}_share": 0.0
    for name in (
        "evaluated",
        "surveyed",
        "resolved",
        "late_wrap_up",
        "rewritten",
        "reopened",
        "deleted",
        "moved",
    )
}
START = ms(10, 9)
END = START + 12 * MINUTE
CALL = talk(1, START, 12)


def quiet(*skeletons: Skeleton, **settings: Any) -> Box:
    """An organisation in which nothing happens later but what the settings say."""
    return Box(*skeletons, **{**NEVER, **settings})


def agent(record: Json) -> Json:
    session: Json = parts(record, "agent")[-1]["sessions"][0]
    return session


def test_nights() -> None:
    """3.4: the nightly run is the first one at or after a moment."""
    assert night_after(ms(10, 3)) == ms(11, 2)
    assert night_after(ms(10, 2)) == ms(10, 2)
    assert NIGHT_MS == 2 * HOUR


def test_nothing_changes_by_itself() -> None:
    """Without any share a record stays as it was when it ended."""
    box = quiet(CALL)
    assert box.record(CALL, END + 2 * MINUTE) == box.record(CALL, END + 90 * DAYS)


def test_a_late_wrap_up() -> None:
    """3.4: a record gains a wrap-up after it had an end, within hours; its end stays."""
    box = quiet(CALL, late_wrap_up_share=1.0)
    early, late = box.record(CALL, END + MINUTE), box.record(CALL, END + 31 * HOUR)
    assert len(agent(late)["segments"]) == len(agent(early)["segments"]) + 1
    added = agent(late)["segments"][-1]
    assert (added["segmentType"], added["wrapUpNote"]) == ("wrapup", "added later")
    assert added["segmentStart"] > early["conversationEnd"] == late["conversationEnd"]


def test_the_nightly_rewriting() -> None:
    """3.4: what is three days old is rewritten by the next night's run: corrected metrics and another wrap-up segment."""
    box = quiet(CALL, rewritten_share=1.0)
    night = night_after(END + 3 * DAYS)
    before, after = box.record(CALL, night - 1), box.record(CALL, night)
    assert before == box.record(CALL, END + 2 * MINUTE)
    assert len(agent(after)["segments"]) == len(agent(before)["segments"]) + 1
    for name in ("tAcw", "tHandle"):
        assert measured(agent(after))[name] > measured(agent(before))[name]
    assert (
        lasting(agent(after)["segments"][-1])
        == measured(agent(after))["tAcw"] - measured(agent(before))["tAcw"]
    )


@pytest.mark.parametrize("name", ["evaluated", "surveyed", "resolved"])
def test_what_is_embedded_later(name: str) -> None:
    """3.4: evaluations, surveys and resolutions are filled days later, with a night's run, about the agent who had it."""
    field = {"evaluated": "evaluations", "surveyed": "surveys", "resolved": "resolutions"}[name]
    box = quiet(CALL, **{f"{name}_share": 1.0})
    (night,) = box.world.schedule.of(CALL).changes
    assert END + DAYS < night < END + 11 * DAYS
    assert night % DAYS == NIGHT_MS
    assert field not in box.record(CALL, night - 1)
    (added,) = box.record(CALL, night)[field]
    assert stamp(END) < added["eventTime"] < stamp(night)
    assert added["userId"] == parts(box.record(CALL, night), "agent")[0]["userId"]


def test_a_share_is_a_share() -> None:
    """About as many are evaluated as the setting says."""
    box = quiet(evaluated_share=0.2, per_day=4000)
    evaluated = [box.world.schedule.of(skeleton).evaluated_ms is not None for skeleton in box.day()]
    assert 0.17 < sum(evaluated) / len(evaluated) < 0.23


def reopened() -> tuple[Box, Skeleton, tuple[int, int]]:
    thread = talk(1, START, 600, media="email")
    box = quiet(thread, reopened_share=1.0)
    again = box.world.schedule.of(thread).reopened
    assert again is not None
    return box, thread, again


def test_a_thread_opens_again() -> None:
    """3.4: an ended thread has its end, loses it when it opens again, and gets another."""
    box, thread, (opened, end) = reopened()
    first = START + 600 * MINUTE
    ends = [
        box.record(thread, at).get("conversationEnd")
        for at in (first - 1, first, opened - 1, opened, end - 1, end)
    ]
    assert ends == [None, stamp(first), stamp(first), None, None, stamp(end)]
    again = box.world.schedule.seen(thread, end)
    assert again is not None
    as_of = [
        box.library.record(again, at, attributes=True).get("conversationEnd")
        for at in (first, opened, end)
    ]
    assert as_of == [stamp(first), None, stamp(end)]
    segments = agent(box.record(thread, end))["segments"]
    assert (segments[-1]["segmentStart"], segments[-1]["segmentEnd"]) == (stamp(opened), stamp(end))
    assert end - START <= LIFE_MS_MAX


def test_an_open_thread_is_active_again() -> None:
    """3.1: a job's interval after the first end finds it once it has opened again, and not before."""
    box, thread, (opened, end) = reopened()
    interval = f"{stamp(opened)}/{stamp(end)}"
    box.at = (opened - HOUR) / 1000
    assert box.world.seen(thread.id, box.now_ms) == thread
    assert not thread.lives_into(opened, end)
    box.at = (end + 7 * HOUR) / 1000
    assert [row["conversationId"] for row in box.job(interval=interval)] == [thread.id]


def test_a_deletion() -> None:
    """3.4: what is deleted for good is gone from every answer and from the truth, and comes back in none."""
    box = quiet(CALL, deleted_share=1.0)
    gone = box.world.schedule.of(CALL).deleted_ms
    assert gone is not None
    box.at = gone / 1000 - 1
    assert box.hits() == 1
    assert box.world.seen(CALL.id, box.now_ms) == CALL
    box.at = gone / 1000
    assert box.hits() == 0
    assert box.job() == []
    assert box.world.seen(CALL.id, box.now_ms) is None
    assert box.world.visible(ms(10), ms(11), box.now_ms) == []


def test_a_start_moves() -> None:
    """11, row 23: a switch lets starts move a little when they are rewritten, also across midnight."""
    late = [talk(number, ms(11) + number, 5) for number in range(200)]
    box = quiet(*late, moved_share=1.0)
    box.at = (ms(11) + HOUR) / 1000
    assert len(box.day(10)) == 0
    box.at = (ms(16)) / 1000
    moved = box.day(10)
    assert moved
    assert len(moved) + len(box.day(11)) == len(late)
    assert all(ms(11) - MOVE_MS_MAX <= skeleton.start_ms < ms(11) for skeleton in moved)
    record = box.library.record(moved[0], box.now_ms, attributes=False)
    assert record["conversationStart"] == stamp(moved[0].start_ms)


def test_epochs() -> None:
    """A record kept for its epoch is the record of any moment of that epoch: what is kept is never stale."""
    everything = {name: 0.5 for name in NEVER if name != "deleted_share"}
    box = Box(per_day=150, orphans=0.2, **everything)
    short = [
        talk(number, START, 0.2 + number / 10, fate=fate, wait_ms=8_000)
        for number, fate in enumerate(FATES)
    ]
    for drawn in (*box.day(), *short):
        end = drawn.end_ms or drawn.start_ms + HOUR
        for after in (
            -MINUTE,
            0,
            1000,
            MINUTE,
            2 * MINUTE,
            5 * HOUR,
            30 * HOUR,
            3 * DAYS,
            4 * DAYS,
            9 * DAYS,
            30 * DAYS,
        ):
            skeleton = box.world.schedule.seen(drawn, end + after)
            if skeleton is None:
                continue
            record = box.library.record(skeleton, end + after, attributes=True)
            assert (
                box.library.record(
                    skeleton, box.library.epoch(skeleton, end + after), attributes=True
                )
                == record
            )
            assert (
                msgspec.json.decode(box.library.rendered(skeleton, end + after, attributes=True))
                == record
            )


def test_the_schedule_knows_no_time() -> None:
    """The later life is a function of seed and id: asked twice, or of a skeleton that has opened again, it is the same."""
    box, thread, (opened, _) = reopened()
    again = box.world.schedule.seen(thread, opened)
    assert again is not None
    assert again != thread
    assert box.world.schedule.of(again) == box.world.schedule.of(thread)
    assert msgspec.structs.replace(again, end_ms=thread.end_ms, reopened=None) == thread
