"""A filtered job over settled hours is read again where the counts say that rows are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lastpage.api.messages import Answer, Call
from tests.inprocess import InProcess, talk, world
from tests.readback import ids

TALKS = [talk(number, datetime(2023, 10, 19, 8, number, tzinfo=UTC)) for number in range(20)]


@dataclass
class Lacking(InProcess):
    """The first job does not bring some conversations that every count has."""

    jobs: int = 0

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.jobs += call.method == "POST" and call.path.endswith("/jobs")
        if "/jobs" in call.path and self.jobs <= 1:
            self.sandbox.world.remove(*(each.id for each in TALKS))
        else:
            self.sandbox.world.add(*TALKS)
        return super().send(base, call, headers)


@pytest.mark.parametrize("paginate", ["auto", "cursor"])
def test_a_filtered_job_that_lacks_rows(tmp_path: Path, paginate: str) -> None:
    """Rows that a filtered job of yesterday lacks are found by reading it again."""
    made = world()
    made.cloud(transport=Lacking(made.sandbox)).fetch(
        "2023-10-19", tmp_path, paginate=paginate, media="voice", names=False
    )
    assert {each.id for each in TALKS} <= {*ids(tmp_path)}
