"""Proving again, in every kind of destination: what `verify` finds of days, parts of days and holes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.contract.kinds import SINKS, Kind
from tests.inprocess import World, world

from lastpage import Verification

DAY = datetime(2023, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Two parts of a day, a day, and a day beyond a hole.
INTERVALS = (
    "2023-10-10T00:00Z/2023-10-10T10:00Z",
    "2023-10-10T12:00Z/2023-10-11",
    "2023-10-11",
    "2023-10-13",
)


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SINKS[request.param]


def held(kind: Kind, folder: Path) -> World:
    """An organisation that keeps conversations for 90 days, and some of them in a destination."""
    made = world(per_day=100, retention_days=90)
    for interval in INTERVALS:
        summary = made.cloud().fetch(interval, kind.at(folder), format=kind.format, names=False)
        assert summary.coverage == "complete"
    return made


def found(made: World, kind: Kind, folder: Path) -> Verification:
    return made.cloud().verify(kind.at(folder))


def states(verification: Verification) -> list[str]:
    return [proof.state for proof in verification.proofs]


def remove(made: World, day: int, number: int) -> None:
    """As with the control plane's DELETE."""
    start = DAY + day * 24 * HOUR
    for name in sorted(made.truth(start, start + 9 * HOUR))[:number]:
        status, _, _ = made.sandbox.request(
            "DELETE", f"/_sandbox/conversations/{name}", {}, {}, b""
        )
        assert status == 204


@pytest.mark.invariant("Truthful")
def test_what_is_as_it_was(kind: Kind, tmp_path: Path) -> None:
    """A day in two ranges is one day, and the same; the holes are counted."""
    made = held(kind, tmp_path)
    verification = found(made, kind, tmp_path)
    assert states(verification) == ["same"] * 3
    assert [hole.counted for hole in verification.holes] == [
        len(made.truth(DAY + 10 * HOUR, DAY + 12 * HOUR)),
        len(made.truth(DAY + 48 * HOUR, DAY + 72 * HOUR)),
    ]


@pytest.mark.invariant("Truthful")
def test_what_was_deleted(kind: Kind, tmp_path: Path) -> None:
    """Two of a day are near, three have changed it, in a part of a day as in a whole one."""
    made = held(kind, tmp_path)
    for day, number in ((0, 3), (1, 2), (3, 3)):
        remove(made, day, number)
    verification = found(made, kind, tmp_path)
    assert states(verification) == ["changed", "near", "changed"]
    assert [proof.day for proof in verification.changed] == ["2023-10-10", "2023-10-13"]


@pytest.mark.invariant("Truthful")
def test_what_is_no_longer_kept(kind: Kind, tmp_path: Path) -> None:
    """Days older than the retention are kept, for ever after."""
    made = held(kind, tmp_path)
    made.clock.sleep(round((DAY + 91.5 * 24 * HOUR).timestamp() - made.clock.now()))
    assert states(found(made, kind, tmp_path)) == ["kept", "kept", "same"]
    made.clock.sleep(400 * 86_400)
    verification = found(made, kind, tmp_path)
    assert states(verification) == ["kept"] * 3
    assert [hole.counted for hole in verification.holes] == [None, None]
    assert verification.changed == []
