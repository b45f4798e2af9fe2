"""Notes: each once, and to the next process only what was shown."""

import pytest

from lastpage.progress import Meter


def test_each_sentence_once() -> None:
    """However often something is noted, it is one note."""
    meter = Meter()
    for text in ("one", "two", "one"):
        meter.note(text)
    assert meter.notes == ["one", "two"]


@pytest.mark.parametrize("shows", [True, False])
def test_what_is_kept_for_the_next_process(shows: bool) -> None:
    """What was shown of the run, before it was begun and since; nothing that was not shown, and nothing of the process alone."""
    meter, kept = Meter(shows=shows), list[str]()
    meter.note("before")
    meter.note("of this process, before", of_run=False)
    meter.keep_notes(kept.append)
    meter.note("since")
    meter.note("since")
    meter.note("of this process, since", of_run=False)
    assert kept == (["before", "since"] if shows else [])
    assert len(meter.notes) == 4


@pytest.mark.parametrize("shows", [True, False])
def test_what_was_told(shows: bool) -> None:
    """A note is told where this process shows notes, or an earlier one of the run showed it."""
    meter = Meter(shows=shows, told=frozenset({"earlier"}))
    for text in ("earlier", "new"):
        meter.note(text)
    assert (meter.is_told("earlier"), meter.is_told("new")) == (True, shows)
