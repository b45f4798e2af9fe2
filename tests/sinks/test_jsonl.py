"""JSON lines to stdout; what files of lines promise is asked in tests/contract."""

import io
from pathlib import Path

import pytest
from tests.contract.test_sinks import AS_OF, DAY, US, hours, record

from lastpage.errors import UsageError
from lastpage.files import Disk
from lastpage.sinks.jsonl import Stdout
from lastpage.sinks.sink import Identity


def test_stdout(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """What is appended, on time or late, is written out at once; what it holds is known while it is open."""
    with Stdout.open(Path("-"), tmp_path, Disk()) as sink:
        sink.claim(US)
        sink.append([hours(0, 24, conversations=1)], [[record(1)]])
        assert capfdbinary.readouterr().out == bytes(record(1)) + b"\n"
        sink.append_late([hours(0, 24, conversations=2)], [[record(2)]])
        assert capfdbinary.readouterr().out == bytes(record(2)) + b"\n"
        assert sink.committed() == {DAY: [hours(0, 24, conversations=2)]}
    assert list(tmp_path.iterdir()) == []


def test_stdout_refuses_an_overlap() -> None:
    """The same hours again are refused, and so are the data of another organisation."""
    out = io.BytesIO()
    sink = Stdout(out)
    sink.claim(US)
    sink.append([hours(0, 24)], [[record(1)]])
    with pytest.raises(UsageError, match="give another file"):
        sink.append([hours(12, 24, as_of=AS_OF)], [[record(13)]])
    with pytest.raises(UsageError, match="another organization"):
        sink.claim(Identity("org-2", "{}"))
    assert out.getvalue() == bytes(record(1)) + b"\n"
