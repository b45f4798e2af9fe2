"""Small pages put together; what a change decides is asked of the sinks themselves, in tests/contract."""

from itertools import repeat

from tests.contract.test_sinks import record

from lastpage.sinks.day import BATCH, batched
from lastpage.tables.parse import schemas, shred


def test_batches() -> None:
    """Row groups of about one size, whatever the pages; no row is lost, and tables without conversations count as well."""
    page = shred([record(1), record(2)])
    batches = list(batched(repeat(page, BATCH), schemas()))
    assert [len(batch["conversations"]) for batch in batches] == [BATCH, BATCH]
    assert [len(batch["sessions"]) for batch in batches] == [BATCH, BATCH]
    assert [
        len(batch["conversations"])
        for batch in batched([page, {"sessions": page["sessions"]}], schemas())
    ] == [2]
    assert len(list(batched(repeat({"sessions": page["sessions"]}, 9), schemas()))) == 3
    assert list(batched([], schemas())) == []
