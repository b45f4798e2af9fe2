"""The sandbox's README: its tables are those of the code, its examples run."""

import re
from pathlib import Path

import pytest

from lastpage_sandbox.faults import WORDS, check
from lastpage_sandbox.manual import README, rewritten

TEXT = README.read_text("utf-8")
SOURCES = sorted(README.parent.rglob("*.py"))


def test_the_tables_are_those_of_the_code() -> None:
    """Every word, every request to the control plane, every switch; `python -m lastpage_sandbox.manual` writes them anew."""
    assert rewritten(TEXT) == TEXT
    assert TEXT.count("\n| ") > 80


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_the_examples_run(block: str) -> None:
    """What is shown can be pasted."""
    exec(compile(block, str(README), "exec"), {})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_word_that_is_honoured_is_known(path: Path) -> None:
    """A handler that looks for a word which cannot be put would be dead."""
    for word in re.findall(r'"([a-z0-9-]+)" in (?:asked\.)?words', path.read_text("utf-8")):
        check("*", (word,))


def test_every_known_word_can_be_spelt() -> None:
    """The spelling in the table fits the pattern, its letters standing for numbers."""
    for word in WORDS:
        spelt = word.spelt.replace("return-S", "return-503").replace("N", "2")
        assert re.fullmatch(word.pattern, spelt), word
        check(next(iter(word.endpoints - {"unknown"})), (spelt,))
