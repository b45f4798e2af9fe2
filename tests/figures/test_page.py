"""The page of a report, as a browser has it: its figures, its controls, and what it must never do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pytest
from tests.chromium import WHY_NOT, Page, chromium
from tests.contract.kinds import SINKS
from tests.figures.records import DAY, HELD, acd, agent, record, session
from tests.inprocess import world

import lastpage
from lastpage.figures.days import days_of
from lastpage.figures.page import as_json, filled
from lastpage.figures.report import Report
from lastpage.files import Disk
from lastpage.query.interval import Interval
from lastpage.sinks.sink import Identity
from lastpage.tables.build import Shredder
from lastpage.tables.derived import names_of

needs_chromium = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
#: What would run if a text were ever taken for HTML or for a script.
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>&lt;b&gt;\u2028*/"
PHONE = "tel:+4915550001111"


def call(
    number: int, minute: int, wait_s: int, queue: str = "A", media: str = "voice"
) -> msgspec.Raw:
    """A call that was answered after a wait, and talked for five minutes, with two of hold and one of work after it."""
    at, up, down = f"09:{minute:02d}", f"09:{minute + 5:02d}", f"09:{minute + 14:02d}"
    handled = [
        (down, "tTalkComplete", 300_000), (down, "tHeldComplete", 120_000),
        (down, "tAcw", 60_000), (down, "tHandle", 480_000),
    ]  # fmt: skip
    customer = session("customer", media, queue, (at, "nConnected", 1))
    customer["attributes"] = {"secret": HOSTILE}
    customer["sessions"][0] |= {"ani": PHONE, "remote": HOSTILE}
    return record(
        number,
        customer,
        acd(queue, (at, "nOffered", 1), media=media),
        agent(queue, (up, "tAnswered", wait_s * 1000), *handled, media=media),
    )


#: Of voice, A: four offered, three answered after 10, 20 and 60 s, one abandoned. B: one, of message two.
RECORDS = [
    call(1, 0, 10), call(2, 1, 20), call(3, 2, 60),
    record(4, acd("A", ("09:03", "nOffered", 1), ("09:04", "tAbandon", 60_000))),
    call(5, 0, 30, "B"), call(6, 0, 40, media="message"), call(7, 0, 50, media="message"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of a destination with a hostile name: one complete, one a hole, one short."""
    root = tmp_path_factory.mktemp("page")
    kind = replace(SINKS["parquet"], name="a<b onclick=x>")
    last = Interval(HELD.interval.start + timedelta(days=2), HELD.interval.end + timedelta(days=2))
    short = replace(HELD, interval=last, coverage="short", finality="provisional")
    with kind.opened(root, Disk()) as sink:
        sink.claim(Identity("org-1", "{}"), Shredder())  # type: ignore[call-arg]
        sink.replace(DAY, [HELD], [RECORDS])
        sink.replace(DAY + timedelta(days=2), [short], [])
        sink.refresh(names_of({"queues": {"A": HOSTILE, "B": "Support"}}))
    return root / kind.name


@pytest.fixture(scope="module")
def place(folder: Path) -> Path:
    """The page of it."""
    place = folder.with_name("report.html")
    place.write_text(lastpage.report(folder, tz="Europe/Berlin", sl="80/20").html(), "utf-8")
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page, place: Path) -> Iterator[Page]:
    """The page, open; whatever the test does, nothing was complained of, and nothing asked for."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(place)
    yield browser
    assert browser.complaints == []
    assert browser.requests == [place.absolute().as_uri()]
    assert browser.run("window.hacked") is None


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent.trim())"
    )
    return found


def click(page: Page, selector: str) -> None:
    page.run(f"document.querySelector({selector!r}).click()")


def rows(page: Page) -> dict[str, list[str]]:
    """The table: the figures of each queue."""
    lines = [line.split("|") for line in page.run("[...document.querySelectorAll('#table tbody tr')].map((row) => [...row.children].map((each) => each.textContent).join('|'))")]  # fmt: skip
    return {line[0]: line[1:] for line in lines}


@needs_chromium
def test_the_figures(page: Page) -> None:
    """The table has the right values for each queue of the medium that is chosen, and each medium its own."""
    found = rows(page)
    a, b, all_ = (found[name] for name in (next(name for name in found if "hacked" in name), "Support", "All queues"))  # fmt: skip
    assert a[:8] == ["4", "3 75.0 %", "1 25.0 %", "0", "0", "50.0 %", "0:30", "8:00"]
    assert b[:8] == ["1", "1 100.0 %", "0 0.0 %", "0", "0", "0.0 %", "0:30", "8:00"]
    assert all_[:8] == ["5", "4 80.0 %", "1 20.0 %", "0", "0", "40.0 %", "0:30", "8:00"]
    assert a[8] == "talk 5:00, hold 2:00, after-call work 1:00"
    page.run("document.querySelectorAll('#media input')[1].click()")
    assert rows(page)["All queues"][:3] == ["2", "2 100.0 %", "0"]
    assert texts(page, "#mix tbody tr") == ["voice571.4 %", "message228.6 %"]


@needs_chromium
def test_completeness_comes_first(page: Page) -> None:
    """The verdict, what is missing as it can be typed, and a calendar in which a hole and a short day are seen and told."""
    assert texts(page, ".verdict") == ["2 of 3 days are not complete."]
    assert texts(page, ".missing li") == ["Nothing is held of 2023-10-11/2023-10-12", "12 October 2023 is short"]  # fmt: skip
    kinds = page.run("[...document.querySelectorAll('#calendar .day')].map((day) => day.className)")
    assert [kind.split()[1] for kind in kinds] == ["v4", "hole", "short"]
    page.run("document.querySelector('#calendar .day').focus()")
    (first,) = texts(page, "#account")
    assert first.startswith(
        "Tuesday, 10 October 2023 (UTC). Complete; 7 conversations; 7 open when read; final; as of"
    )
    page.press("ArrowRight")
    assert texts(page, "#account") == [
        "Wednesday, 11 October 2023 (UTC). Nothing of this day is held."
    ]
    page.press("End")
    assert "Short: evidence says that rows are missing" in texts(page, "#account")[0]
    labels = page.run(
        "[...document.querySelectorAll('#calendar .day')].map((day) => day.ariaLabel)"
    )
    assert labels[2] == texts(page, "#account")[0]
    first_section = page.run("document.querySelector('section').contains(document.getElementById('calendar'))")  # fmt: skip
    assert first_section


#: Opens all that is folded. What is in it is made when that is told, which is later.
UNFOLDED = """
Promise.all([...document.querySelectorAll("details:not([open])")].map((each) => new Promise((done) => {
  each.addEventListener("toggle", () => setTimeout(done, 0), { once: true });
  each.open = true;
}))).then(() => true)
"""


@needs_chromium
def test_every_control(page: Page) -> None:
    """Measures, queues, names of figures, charts by pointer and by key, numbers, the theme and the explorer do what they say."""
    titles = set()
    for measure in "outcomes", "level", "speed", "handle":
        click(page, f"input[value={measure}]")
        titles.add(tuple(texts(page, "figure figcaption")[:3]))
    assert len(titles) == 4
    click(page, "[data-queue='1']")
    assert texts(page, "tr.chosen th")[0] == "Support"
    assert all(each.startswith(("Day by day", "Half-hour", "Hour", "Media")) and "Support" in each for each in texts(page, "figure figcaption"))  # fmt: skip
    assert page.run("document.activeElement.dataset.queue") == "1"
    for at, name in enumerate(texts(page, "#table thead button")):
        page.run(f"document.querySelectorAll('#table thead button')[{at}].click()")
        (said,) = texts(page, "#how")
        assert said.startswith(f"{name}: ")
        assert len(said) > len(name) + 20
    click(page, "input[value=outcomes]")
    click(page, "[data-queue='-2']")
    page.run("document.querySelector('#clock svg').focus()")
    for _ in range(23):
        page.press("ArrowRight")
    assert texts(page, "#clock .readout")[0].startswith("11:00: offered 5, answered 4, flowed out 0, abandoned 1")  # fmt: skip
    page.run("document.querySelector('#week svg').focus()")
    page.press("ArrowRight")
    page.press("ArrowDown")
    assert texts(page, "#week .readout")[0].startswith("Tuesday 00:00: offered")
    assert page.run(UNFOLDED)
    assert "2023-10-10" in texts(page, "#periods tbody th")
    before = page.run("getComputedStyle(document.body).backgroundColor")
    click(page, "#theme")
    assert page.run("getComputedStyle(document.body).backgroundColor") != before


@needs_chromium
def test_one_by_one(page: Page) -> None:
    """A stated sample of each medium, longest waits first, each with its timeline; no personal data."""
    assert "the 5 conversations that waited longest" in texts(page, "#sampled")[0]
    assert texts(page, "#sample tbody td:last-child") == ["1:00", "1:00", "0:30", "0:20", "0:10"]
    assert texts(page, "#timeline svg text")[-3:] == ["customer · voice", "queue · voice", "agent · voice"]  # fmt: skip
    page.run("document.querySelectorAll('#sample button')[4].click()")
    assert "waited 0:10 · answered" in texts(page, "#timeline h3")[0]
    assert "agenttAnswered 0:10" in " ".join(texts(page, "#timeline li"))
    assert "left out" in texts(page, "#sampled")[0]
    assert page.run("document.documentElement.outerHTML.includes('15550001111')") is False


@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_wherever_it_is_looked_at(width: int, dark: bool, browser: Page, place: Path, tmp_path: Path) -> None:  # fmt: skip
    """Light, dark, narrow and printed: nothing wider than the window, texts that can be read, no complaint."""
    browser.complaints.clear()
    browser.open(place, width=width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    ink, paper = browser.run("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")  # fmt: skip
    assert contrast(ink, paper) > 10
    browser.printed(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000
    assert browser.complaints == []


def contrast(one: str, other: str) -> float:
    """Of two colours, by the formula of WCAG."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(
            share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
        )

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@needs_chromium
def test_hostile_texts_with_personal_data(folder: Path, browser: Page, tmp_path: Path) -> None:
    """Names of queues, numbers and attributes are texts, whatever they are; and the policy lets no other script run."""
    path = tmp_path / "personal.html"
    path.write_text(lastpage.report(folder, show_personal_data=True).html(), "utf-8")
    browser.open(path)
    browser.complaints.clear()
    assert HOSTILE.partition("\u2028")[0] in texts(browser, "#timeline dd")[1]
    assert PHONE in texts(browser, "#timeline dd")
    assert browser.run("[...document.querySelectorAll('img')].length") == 0
    browser.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 3'}))")  # fmt: skip
    browser.run("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.hacked=4\" id=\"trap\"></p>')")  # fmt: skip
    click(browser, "#trap")
    browser.run("fetch('http://127.0.0.1:9/').catch(() => null)")
    assert browser.run("window.hacked") is None
    assert any("Content Security Policy" in each for each in browser.complaints)


def test_no_text_ends_the_data(folder: Path) -> None:
    """In the file itself: one block of JSON, our script and our style, and no other element of theirs."""
    html = lastpage.report(folder, show_personal_data=True).html()
    assert html.count("<script") == html.count("</script>") == 2
    assert html.count("<style") == html.count("<img") + 1 == 1
    assert "a&lt;b onclick=x&gt;" in html
    assert "\u2028" not in html
    assert as_json({"</script>": "<!--"}) == '{"\\u003c/script>":"\\u003c!--"}'
    assert filled("{{ a }}-{{ b }}", {"a": "{{ b }}", "b": "x"}) == "{{ b }}-x"


@needs_chromium
def test_little_or_nothing(browser: Page, tmp_path: Path) -> None:
    """A day without conversations, and one whose columns were left out, make a page, too."""
    made = world(per_day=0)
    made.cloud().fetch("2023-10-09", tmp_path / "none", names=False)
    made = world(per_day=20)
    left_out = ["purpose", "user_id", "conversation_end"]
    made.cloud().fetch("2023-10-09", tmp_path / "few", names=False, drop=left_out)
    browser.complaints.clear()
    for name in "none", "few":
        path = tmp_path / f"{name}.html"
        path.write_text(lastpage.report(tmp_path / name).html(), "utf-8")
        browser.open(path)
        assert texts(browser, ".verdict") == ["The one day is complete."]
        for at in range(4):
            browser.run(f"document.querySelectorAll('#measure input')[{at}].click()")
    assert len(texts(browser, "#sample tbody tr")) > 2
    assert browser.complaints == []


@pytest.mark.parametrize("queues", [6, pytest.param(300, marks=pytest.mark.long)])
def test_a_year_is_small(queues: int, folder: Path) -> None:
    """A year of half-hours, of six queues and of three hundred, is a page of a megabyte at most, and nothing of the sums is lost."""
    made = lastpage.report(folder)
    found = year(made, queues)
    html = found.html()
    assert len(html.encode()) < 1_000_000
    data = msgspec.json.decode(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    wanted = sum(found.table.column("offered").to_pylist())
    assert sum(data["periods"]["offered"]) == sum(data["clock"]["offered"]) == wanted
    assert data["pooled"] == queues - len(data["queues"]) >= (0 if queues == 6 else 200)


def year(made: Report, queues: int) -> Report:
    """The same report, of a year in which every queue has calls in some half-hours of every day."""
    start = datetime(2022, 10, 1, tzinfo=UTC)
    every = "interval (30 * 7) minute" if queues > 100 else "interval (30) minute"
    names = ", ".join(
        f"{name}"
        if name in ("half_hour", "local", "queue", "queue_id", "media_type")
        else f"(100 + hash(half_hour) % 50)::{'double' if name.endswith(('_s', '_pct')) else 'bigint'} as {name}"
        for name in made.table.column_names
    )
    with duckdb.connect() as db:
        db.execute("set timezone = 'UTC'")
        table: pa.Table = db.sql(
            f"select {names} from (select moment as half_hour, strftime(moment, '%Y-%m-%d %H:%M') as local, 'Queue ' || q as queue, 'q' || q as queue_id, media_type "
            f"from generate_series(timestamptz '{start}', timestamptz '{start}' + interval 365 day, {every}) as a(moment), range({queues}) as b(q), "
            "(values ('voice'), ('chat'), ('message'), ('email'), ('callback')) as c(media_type) where hour(moment) > 5 and hour(moment) < 20)"
        ).to_arrow_table()
    held = {
        (start + timedelta(days=day)).date(): [
            replace(
                HELD,
                interval=Interval(start + timedelta(days=day), start + timedelta(days=day + 1)),
            )
        ]
        for day in range(365)
    }
    return replace(made, table=table, days=days_of(held), sample=made.sample * 28)
