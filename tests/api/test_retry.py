"""The decision table, one test a row, and the waits."""

import random

import pytest

from lastpage.api.responses import BACKOFF_S_MAX, DECISIONS, backoff_s, decide, retry_after_s

ROWS = {
    **dict.fromkeys((400, 403, 404, 405, 409, 413, 415, 501, "tls", "proxy", "oversize"), "give up"),
    **dict.fromkeys((408, 429, 500, 502, 503, 504, "connect", "timeout", "reset", "truncated"), "retry"),
    401: "refresh",
}


@pytest.mark.parametrize(("case", "action"), ROWS.items())
def test_row(case: int | str, action: str) -> None:
    """Each status and each fault is decided as the table says, with a reason."""
    decision = decide(case)
    assert decision.action == action
    assert decision.why


def test_no_row_is_untested() -> None:
    """The table has no row that the list above does not have."""
    assert set(DECISIONS) == set(ROWS)


@pytest.mark.parametrize(
    ("status", "action"), [(301, "give up"), (307, "give up"), (418, "give up"), (507, "retry"), (599, "retry")]
)
def test_statuses_without_a_row(status: int, action: str) -> None:
    """Redirects are not followed, unknown server errors are tried again, unknown client errors are not."""
    assert decide(status).action == action


def test_backoff() -> None:
    """Full jitter under a doubling limit, never above a minute."""
    rng = random.Random(1)
    for tries in range(1, 20):
        waits = [backoff_s(tries, rng) for _ in range(200)]
        limit = min(2.0 ** (tries - 1), BACKOFF_S_MAX)
        assert all(0 <= wait <= limit for wait in waits)
        assert max(waits) > limit * 0.9
        assert min(waits) < limit * 0.1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 20 Oct 2023 15:30:30 GMT", 10.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds and HTTP dates are both read; nonsense is no announcement."""
    assert retry_after_s(header, 1_697_815_820.0) == seconds
