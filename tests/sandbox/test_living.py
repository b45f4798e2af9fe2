"""An organisation that goes on, a day a minute: what goes by its clock, and what by that of those who wait for it."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from tests.bare import DAY, DETAILS, NOW, Client
from tests.inprocess import world

from lastpage_sandbox import Settings, World
from lastpage_sandbox.later import Schedule
from lastpage_sandbox.living import LIVING
from lastpage_sandbox.moments import DAY_MS

DAY_S, MINUTE_S = 86_400, 60
DAY_A_MINUTE = 1440.0
JOBS = f"{DETAILS}/jobs"
ME = "/api/v2/organizations/me"


def quick(speed: float = DAY_A_MINUTE, **settings: Any) -> Client:
    """A client of an organisation whose clock runs that fast."""
    client = Client(**settings)
    client.box.clock.run(speed)
    return client


def whole(day: datetime) -> str:
    return f"{day:%Y-%m-%d}T00:00Z/{day + timedelta(days=1):%Y-%m-%d}T00:00Z"


def submitted(client: Client) -> str:
    return f"{JOBS}/{client.ask('POST', JOBS, {'interval': DAY})[1]['jobId']}"


def test_another_day_comes_in_a_minute() -> None:
    """Conversations begin, what was open ends, and the watermark moves as far as the clock; the Date is the organisation's."""
    client = quick(orphans=0.0)
    today, tomorrow = NOW, NOW + timedelta(days=1)

    def look(day: datetime) -> tuple[int, int]:
        rows = client.query(whole(day))[1]
        found = rows.get("conversations", [])
        return rows["totalHits"], sum("conversationEnd" not in row for row in found)

    def watermark() -> datetime:
        answer = client.ask("GET", f"{JOBS}/availability")[1]
        return datetime.fromisoformat(answer["dataAvailabilityDate"])

    before, reach = look(today), watermark()
    assert look(tomorrow) == (0, 0)
    client.clock.sleep(MINUTE_S)
    assert look(tomorrow)[0] > 100
    assert look(today)[0] > before[0]
    assert watermark() - reach == timedelta(days=1)
    assert parsedate_to_datetime(client.ask("GET", ME)[2]["date"]) == tomorrow
    client.clock.sleep(10 * MINUTE_S)
    assert before[1] > 0
    assert look(today)[1] == 0


def test_people_wrap_up_late_meanwhile() -> None:
    """3.4: a record that had an end looks different an hour or a day later, which is seconds here."""
    client = quick(late_wrap_up_share=1.0)
    yesterday = NOW - timedelta(days=1)
    before = client.box.truth(yesterday, NOW)
    client.clock.sleep(2 * MINUTE_S)
    after = client.box.truth(yesterday, NOW)
    ended = [name for name, record in before.items() if "conversationEnd" in record]
    assert sum(before[name] != after[name] for name in ended) > len(ended) / 2


@pytest.mark.parametrize("speed", [0.0, 1.0, DAY_A_MINUTE])
def test_a_token_lives_real_seconds(speed: float) -> None:
    """`expires_in` is true at any speed, and `dateTokenIdles` lies as far behind the Date."""
    client = quick(speed, token_lifetime_s=300)
    client.token = client.log_in()[1]["access_token"]
    client.clock.sleep(100)
    status, said, headers = client.ask("GET", "/api/v2/tokens/me")
    idles = datetime.fromisoformat(said["dateTokenIdles"])
    assert idles - parsedate_to_datetime(headers["date"]) == timedelta(seconds=200)
    client.clock.sleep(199)
    assert (status, client.ask("GET", ME)[0]) == (200, 200)
    client.clock.sleep(1)
    assert client.ask("GET", ME)[0] == 401


@pytest.mark.parametrize("speed", [0.0, 1.0, DAY_A_MINUTE])
def test_an_allowance_is_of_a_real_minute(speed: float) -> None:
    """It is used up for as long as Retry-After says, and not a second longer, at any speed."""
    client = quick(speed, requests_per_minute=2)
    assert [client.ask("GET", ME)[0] for _ in range(2)] == [200, 200]
    client.clock.sleep(20)
    status, _, headers = client.ask("GET", ME)
    assert (status, headers["retry-after"], headers["inin-ratelimit-reset"]) == (429, "40", "40")
    client.clock.sleep(39)
    assert client.ask("GET", ME)[0] == 429
    client.clock.sleep(1)
    assert client.ask("GET", ME)[0] == 200


@pytest.mark.parametrize("speed", [0.0, 1.0, DAY_A_MINUTE])
def test_a_job_takes_and_lasts_real_seconds(speed: float) -> None:
    """It is done after `job_seconds` and gone after `job_lifetime_s`; what is written of it are the organisation's dates."""
    client = quick(speed, job_polls=0, job_seconds=30, job_lifetime_s=600)
    path = submitted(client)
    client.clock.sleep(29)
    assert client.ask("GET", path)[1]["state"] == "PENDING"
    client.clock.sleep(11)
    _, status, headers = client.ask("GET", path)
    moments = {
        name: datetime.fromisoformat(text) for name, text in status.items() if "Date" in name
    }
    assert moments["submissionDate"] == NOW
    assert moments["completionDate"] == NOW + timedelta(seconds=30 * speed)
    left = moments["expirationDate"] - parsedate_to_datetime(headers["date"])
    assert left == timedelta(seconds=590)
    client.clock.sleep(590)
    assert client.ask("GET", f"{path}/results")[0] == 200
    client.clock.sleep(1)
    assert client.ask("GET", path)[1]["state"] == "EXPIRED"


def test_jobs_a_minute_cursors_and_lasting_faults_are_real_too() -> None:
    """Whatever a client waits for is counted alike."""
    client = quick(job_polls=0, jobs_per_minute_max=1, cursor_lifetime_s=60)
    path = submitted(client)
    client.ask("GET", path)
    client.clock.sleep(30)
    cursor = client.ask("GET", f"{path}/results", pageSize=3)[1]["cursor"]
    client.box.faults.put("details.query", "index-out-for-30s")
    assert client.query()[1].get("totalHits", 0) == 0
    client.clock.sleep(29)
    assert client.ask("POST", JOBS, {"interval": DAY})[0] == 429
    assert client.query()[1].get("totalHits", 0) == 0
    client.clock.sleep(1)
    assert client.query()[1]["totalHits"] > 0
    assert client.ask("POST", JOBS, {"interval": DAY})[0] == 202
    client.clock.sleep(30)
    assert client.ask("GET", f"{path}/results", pageSize=3, cursor=cursor)[0] == 200
    client.clock.sleep(1)
    assert client.ask("GET", f"{path}/results", pageSize=3, cursor=cursor)[0] == 400


def test_what_is_skipped_has_passed() -> None:
    """The control plane's way to end a token; a clock that is put back neither revives it nor stops a window."""
    client = quick(token_lifetime_s=7200, requests_per_minute=1)

    def turn(**how: Any) -> None:
        headers = {"Content-Type": "application/json"}
        body = json.dumps(how).encode()
        assert client.box.request("POST", "/_sandbox/clock", {}, headers, body)[0] == 200

    assert [client.ask("GET", ME)[0] for _ in range(2)] == [200, 429]
    turn(advance_s=-DAY_S)
    assert client.ask("GET", ME)[0] == 429
    client.clock.sleep(60)
    assert client.ask("GET", ME)[0] == 200
    turn(advance_s=7200)
    assert client.ask("GET", ME)[0] == 401
    turn(set="2020-01-01")
    assert client.ask("GET", ME)[0] == 401


def test_a_job_outlives_a_clock_that_is_put_back() -> None:
    """Then it is done now, and not at a moment that is to come."""
    client = quick(1.0, job_polls=0, job_seconds=30)
    path = submitted(client)
    client.box.clock.advance(-DAY_S)
    client.clock.sleep(40)
    _, status, headers = client.ask("GET", path)
    done = datetime.fromisoformat(status["completionDate"])
    assert done == parsedate_to_datetime(headers["date"])


def test_the_world_has_no_end() -> None:
    """A day that nobody has thought of has conversations of its own, and the same to whoever asks for it later."""
    client = quick(token_lifetime_s=10**9)
    client.clock.sleep(70 * 365 * MINUTE_S)
    far = datetime.fromtimestamp(client.box.now(), UTC) - timedelta(days=2)
    assert far.year == 2093
    hits = client.query(whole(far))[1]["totalHits"]
    assert hits > 100
    other = Client()
    other.box.clock.set(client.box.now())
    other.token = other.log_in()[1]["access_token"]
    assert other.query(whole(far))[1]["totalHits"] == hits


def test_of_each_surprise_there_is_one_in_a_week() -> None:
    """Late, opened again, moved, deleted: with the switches of `--living` a small organisation has all; by default none."""

    def surprises(**shares: float) -> set[str]:
        settings = Settings(per_day=2000, **shares)  # type: ignore[arg-type]
        of, found = Schedule(settings).of, set[str]()
        now_ms = round(NOW.timestamp() * 1000)
        for each in World(settings).starting(now_ms - 7 * DAY_MS, now_ms):
            later = of(each)
            found |= {name for name in ("reopened", "moved", "deleted_ms") if getattr(later, name)}
            found |= {"late"} if each.arrival_ms > each.start_ms else set()
        return found

    assert surprises() == set()
    assert surprises(**LIVING) == {"late", "reopened", "moved", "deleted_ms"}
    assert set(LIVING) <= set(Settings.__dataclass_fields__)


def test_fetched_twice_a_minute_apart(tmp_path: Path) -> None:
    """The real client gets along with a day a minute: both are complete, and the second brings a day that was not there."""
    made = world(orphans=0.01, requests_per_minute=300, **LIVING)
    made.sandbox.clock.run(DAY_A_MINUTE)
    first = made.cloud().fetch("24h", tmp_path / "d")
    made.clock.sleep(MINUTE_S)
    second = made.cloud().fetch("24h", tmp_path / "d")
    assert (first.coverage, second.coverage) == ("complete", "complete")
    days = {path.name for path in (tmp_path / "d" / "conversations").glob("day=*")}
    assert len(days) >= 3
    assert max(days) > f"day={first.interval.partition('/')[2][:10]}"
