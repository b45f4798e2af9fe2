"""`record_digest`: another number for another record, and none that helps to find what was taken out."""

import json

import msgspec
import pytest

from lastpage.tables.build import Shredder, record_digest
from lastpage.tables.selection import Selection

KEY = b"0123456789abcdef"
OTHER_KEY = b"fedcba9876543210"
#: A small record, its digest, and what older versions called its digest.
RECORD = b'{"conversationId":"c","a":[1,2]}'
GOLDEN, OLDER = -3555293909280814536, 6723131495253283223


def record(number: int, **more: object) -> msgspec.Raw:
    start = "2023-10-10T10:00:00.000Z"
    head = {"conversationId": f"c{number}", "conversationStart": start}
    return msgspec.Raw(json.dumps(head | more).encode())


def digests(shredder: Shredder, *records: msgspec.Raw) -> dict[str, int | None]:
    table = shredder(records)["conversations"]
    ids, found = (table.column(name).to_pylist() for name in ("conversation_id", "record_digest"))
    return dict(zip(ids, found, strict=True))


def test_another_record_has_another_digest() -> None:
    """Anything in the record counts, also what no table has; the same record has the same digest."""
    first = digests(Shredder(), record(1), record(2))
    again = digests(Shredder(), record(2, nobodyKnows=1), record(1))
    assert first["c1"] == again["c1"]
    assert len({*first.values(), *again.values()}) == 3


def test_digests_stay_what_they_are() -> None:
    """Destinations hold them: a number of old is the number of today, with or without line breaks."""
    spelt = (RECORD, RECORD.replace(b",", b",\n"), b"\r\n" + RECORD)
    assert {record_digest(each) for each in spelt} == {GOLDEN}
    assert record_digest(RECORD.replace(b",", b", ")) != GOLDEN


def test_digests_of_older_versions_count() -> None:
    """A record is the same that a destination has if either of its digests is there."""
    other = msgspec.Raw(RECORD.replace(b"2", b"3"))
    for known in (GOLDEN, OLDER):
        assert Shredder().is_digest(known, msgspec.Raw(RECORD))
        assert not Shredder().is_digest(known, other)
    keyed = Shredder(Selection(drop=("external_tag",)), KEY)
    assert not keyed.is_digest(OLDER, msgspec.Raw(RECORD))
    assert not Shredder(keyed.selection).is_digest(None, msgspec.Raw(RECORD))


def test_a_broken_record_beside_it() -> None:
    """Each conversation has the digest of its own record, whatever else came in its page."""
    alone = digests(Shredder(), record(1), record(2))
    headless = msgspec.Raw(b'{"conversationEnd": 5}')
    odd = record(3, participants=[{"participantId": ["no text"]}])
    with_others = digests(Shredder(), headless, record(1), odd, record(2))
    assert {name: with_others[name] for name in alone} == alone


@pytest.mark.parametrize(
    "chosen", [{"drop": ("external_tag",)}, {"columns": ("sessions.media_type",)}]
)
def test_what_was_taken_out_cannot_be_tried(chosen: dict[str, tuple[str, ...]]) -> None:
    """Where something is taken out, digests are keyed; without a key there are none."""
    selection = Selection(**chosen)
    assert digests(Shredder(selection), record(1)) == {"c1": None}
    found = {
        digests(each, record(1))["c1"]
        for each in (Shredder(), Shredder(selection, KEY), Shredder(selection, OTHER_KEY))
    }
    assert len(found) == 3
