"""The spool: what is flushed is there, what is torn is noticed."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastpage.errors import DestinationError
from lastpage.ledger.spool import Frame, Spool


def test_round_trip(tmp_path: Path) -> None:
    """Frames come back as they were written, in any order, empty ones too."""
    spool = Spool(tmp_path)
    frames = [spool.append(1, raw) for raw in (b"one", b"", b"\x00" * 1000)]
    assert [spool.read(1, frame) for frame in reversed(frames)] == [b"\x00" * 1000, b"", b"one"]


@given(st.integers(0, 200))
def test_any_torn_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, at: int) -> None:
    """Whichever byte of a frame is changed, it is not taken for what was written."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    frame = spool.append(1, bytes(range(200)))
    data = bytearray((folder / "1.pages").read_bytes())
    data[at % len(data)] ^= 1
    (folder / "1.pages").write_bytes(bytes(data))
    assert spool.read(1, frame) is None


def test_a_missing_or_short_segment(tmp_path: Path) -> None:
    """Bytes that are not there are None, not an error and not an empty page."""
    spool = Spool(tmp_path)
    frame = spool.append(1, b"hello")
    spool.truncate(1, frame.end - 1)
    assert spool.read(1, frame) is None
    assert spool.read(2, Frame(0, 20)) is None


def test_keep_only(tmp_path: Path) -> None:
    """Segments that no row vouches for are removed, and nothing else."""
    spool = Spool(tmp_path)
    for attempt in (1, 2, 3):
        spool.append(attempt, b"x")
    spool.keep_only({2})
    assert [path.name for path in tmp_path.iterdir()] == ["2.pages"]


def test_a_full_disk(tmp_path: Path) -> None:
    """A disk that is full is a sentence that says how to go on."""

    def full(name: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DestinationError, match="goes on where it stopped"):
        Spool(tmp_path, full).append(1, b"x")


def test_segments_that_go_while_the_size_is_taken(tmp_path: Path) -> None:
    """Threads ask for the size while the consumer drops segments: what is gone weighs nothing."""
    spool, stopped = Spool(tmp_path), threading.Event()

    def drop() -> None:
        while not stopped.is_set():
            for number in range(20):
                (tmp_path / f"{number}.pages").write_bytes(b"page")
            for number in range(20):
                spool.drop(number)

    dropping = threading.Thread(target=drop)
    dropping.start()
    try:
        for _ in range(3_000):
            assert spool.size() >= 0
    finally:
        stopped.set()
        dropping.join()
