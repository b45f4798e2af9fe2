"""Digests: a sorted piece of bytes answers as a set would."""

from hypothesis import given
from hypothesis import strategies as st

from lastpage.ledger.ids import DIGEST_BYTES, GONE, Digests, Log, digest, packed


@given(st.sets(st.text(max_size=8), max_size=40), st.text(max_size=8))
def test_it_is_a_set(texts: set[str], other: str) -> None:
    """Whatever is in it is found, and nothing else is."""
    names = {digest(text) for text in texts}
    digests = Digests(packed(names))
    assert len(digests) == len(texts)
    assert set(digests) == names
    assert all(name in digests for name in names)
    assert (digest(other) in digests) == (other in texts)


def test_the_ends() -> None:
    """The smallest and the largest digest are found; nothing is in nothing."""
    low, high = b"\0" * DIGEST_BYTES, b"\xff" * DIGEST_BYTES
    assert low in Digests(low + high)
    assert high in Digests(low + high)
    assert high not in Digests(low)
    assert low not in Digests()


@given(st.lists(st.lists(st.text(max_size=3), max_size=5), max_size=8))
def test_whether_a_page_has_a_new_id(pages: list[list[str]]) -> None:
    """A log knows whether one of a page's ids is new to it, wherever in the page it stands, also of ids that are gone."""
    log, seen = Log(), set[str]()
    for page in pages:
        assert log.has_new(page) == bool(set(page) - seen)
        log.extend(page, [GONE if len(text) > 1 else 2 for text in page])
        seen |= set(page)
