"""Bad input: one table, each row typed at the command line and, where there is a spelling, called from Python.

A row is a mistake, what the sentence about it says, and the exit code. For every row: one sentence, no traceback, nothing
sent (where the mistake shows before anything is sent, not even the login), nothing made and nothing changed.
A new option gets its rows here: `Case(what is typed after "fetch INTERVAL", what the sentence says, what Python is given)`.
"""

import json
import shlex
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lastpage import Cloud, LastpageError
from lastpage.cli.app import run
from lastpage.ledger.database import VERSION
from lastpage_sandbox import Sandbox, Settings
from tests.inprocess import NOW

DAY = "2023-10-10"
ID = "11111111-2222-3333-4444-555555555555"
OTHER_ID = "66666666-7777-8888-9999-000000000000"
CLIENT, SECRET, PLACE = "GENESYS_CLIENT_ID", "GENESYS_CLIENT_SECRET", "GENESYS_ENVIRONMENT"
#: What a mistake may cost that only the API can know of: who, and when. Never a conversation, never a job.
WHO = frozenset({"token", "organization"})
LISTS = frozenset({"token", "queues", "users", "divisions", "wrapupcodes"})
WHEN = WHO | LISTS | {"jobs.availability"}
VERBS = ("fetch", "plan", "verify", "doctor", "sandbox", "demo", "retrieve", "--")
FILTER = {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}]}


def file(name: str, content: bytes | str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def fetched(
    to: str = "out", then: Callable[[Path], None] = lambda _: None, **asked: Any
) -> Callable[[Path], None]:
    """A destination with a day in it; `then` something happens to it."""

    def make(folder: Path) -> None:
        Cloud.from_env().fetch(DAY, folder / to, paginate="pages", **asked)
        then(folder)

    return make


def newer_ledger(folder: Path) -> None:
    with sqlite3.connect(folder / "out/.lastpage/ledger.sqlite") as db:
        db.execute(f"pragma user_version = {VERSION + 1}")
    db.close()


def foreign_ledger(folder: Path) -> None:
    (folder / "out/.lastpage").mkdir(parents=True)
    with sqlite3.connect(folder / "out/.lastpage/ledger.sqlite") as db:
        db.execute("create table recipe (name text)")
    db.close()


def facts(**changed: Any) -> Callable[[Path], None]:
    """The metadata of a day's file, changed; the ledger is lost."""

    def change(folder: Path) -> None:
        for path in (folder / "out").glob("conversations/day=*/part.parquet"):
            table = pq.read_table(path)
            metadata = json.loads(pq.read_metadata(path).metadata[b"lastpage"]) | changed
            pq.write_table(
                table.replace_schema_metadata({b"lastpage": json.dumps(metadata).encode()}), path
            )
        (folder / "out/.lastpage/ledger.sqlite").unlink()

    return change


def newer_lines(folder: Path) -> None:
    path = folder / "x.jsonl.lastpage/jsonl.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    (folder / "x.jsonl.lastpage/ledger.sqlite").unlink()


def others(organization: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with sqlite3.connect(folder / "out/.lastpage/ledger.sqlite") as db:
            db.execute("update meta set value = ? where key = 'organization'", (organization,))
        db.close()

    return change


def foreign_parquet(folder: Path) -> None:
    path = folder / "out/conversations/day=2023-10-10/part.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), path)


@dataclass(frozen=True)
class Case:
    """One mistake. `typed` follows `lastpage fetch 2023-10-10`, or stands alone if it begins with a verb; None: Python only."""

    typed: str | None
    #: A part of the sentence; alternatives are parted by a bar.
    says: str
    #: What `Cloud.from_env().fetch` is given for the same mistake; None where Python has no spelling for it.
    python: Mapping[str, Any] | None = None
    code: int = 2
    there: Callable[[Path], None] = lambda _: None
    variables: Mapping[str, str | None] = field(default_factory=dict)
    #: What may have been asked of the API before it showed.
    asked: frozenset[str] | set[str] = frozenset()


def interval(text: str, says: str, **more: Any) -> Case:
    return Case(f"fetch {shlex.quote(text)}", says, {"interval": text}, **more)


def body(content: bytes | str, says: str, query: Any = None, **more: Any) -> Case:
    return Case(
        "--query b.json",
        says,
        None if query is None else {"query": query},
        there=file("b.json", content),
        **more,
    )


def variable(name: str, value: str | None, says: str, **more: Any) -> Case:
    return Case("", says, {}, variables={name: value}, **more)


def place(text: str, says: str, code: int = 2, **more: Any) -> Case:
    return Case(f"--to {shlex.quote(text)}", says, {"to": text}, code, **more)


INTERVALS = [
    interval("", "an interval is"),
    interval("tomorrow", "an interval is"),
    interval("23", "an interval is"),
    interval("2023/10/01", "write dates as 2023-10-01"),
    interval("2023-10-01...2023-10-02", "cannot read"),
    interval("2023-10-02..2023-10-01", "is empty"),
    interval("12M", "an interval is"),
    interval("24h/7d", "are both lengths"),
    interval("2023-10-08/2023-10-01", "is empty"),
    interval("2023-10-01/2023-10-01", "is empty"),
    interval("2023-10-01T08:00/2023-10-02", "has no time zone"),
    interval("2023-10-01T08:00Mars/2023-10-02", "cannot read"),
    interval("2023-10-01T08:00+99:00/2023-10-02", "cannot read"),
    interval("2023-10-01T25:00Z/2023-10-02", "cannot read"),
    interval("2023-10-01T23:60Z/2023-10-02", "cannot read"),
    interval("2023-W40-1/2023-W41-1", "cannot read"),
    interval("20231001/20231002", "cannot read"),
    interval("2023-10-01/2023-10-02/2023-10-03", "cannot read"),
    interval("2023-10-01/", "cannot read"),
    interval("2023-02-30", "not a date"),
    interval("2023-13", "not a month"),
    interval("0000-01-01", "not a date"),
    interval("0001-01", "before 2006"),
    interval("1999-12-31", "before 2006"),
    interval("9999-12", "calendar"),
    interval("9999-12-31", "calendar"),
    interval("10000-01-01", "an interval is"),
    interval("9998-12", "the year 9999"),
    interval("٢٠٢٣-١٠", "an interval is"),
    interval("0h", "is empty"),
    interval("0d", "is empty"),
    interval("9999999999d", "before Genesys Cloud existed"),
    interval("9" * 5000 + "h", "an interval is"),
    interval("1.5d", "an interval is"),
    interval("7 days", "an interval is"),
    Case("fetch -1d", "-1d", {"interval": "-1d"}),
    Case("fetch", "interval"),
    Case("fetch 2023-10-01 2023-10-08 2023-10-09", "cannot read"),
    interval("2023-12-01", "in the future", asked=WHEN),
    interval("2023-10-20T16:00Z/2023-10-21", "in the future", asked=WHEN),
    Case("plan 9999-12", "calendar"),
    Case(None, "is not an interval", {"interval": None}),
    Case(None, "is not an interval", {"interval": 20231001}),
]
ZONES = [
    Case("--tz Mars/Olympus", "not a time zone", {"tz": "Mars/Olympus"}),
    Case("--tz ''", "not a time zone", {"tz": ""}),
    Case("--tz ../../etc/passwd", "not a time zone", {"tz": "../../etc/passwd"}),
    Case("--tz +02:00", "not a time zone", {"tz": "+02:00"}),
    Case("--tz UTC --tz Europe/Berlin", "multiple times"),
    Case(None, "not a time zone", {"tz": 2}),
]
OPTIONS = [
    Case(
        "--to x.jsonl --accept-removals",
        "leave out --accept-removals",
        {"to": "x.jsonl", "accept_removals": True},
    ),
    Case("--to x.jsonl --refresh", "leave out --refresh", {"to": "x.jsonl", "refresh": True}),
    Case("--media voise", "did you mean voice", {"media": "voise"}),
    Case("--media voice,chatt", "did you mean chat", {"media": ["voice", "chatt"]}),
    Case("--media ''", "is not known", {"media": ""}),
    Case("--media", "requires an argument"),
    Case(None, "takes words", {"media": [3]}),
    Case(None, "give a text or a list of texts", {"media": 3}),
    Case("--direction up", "inbound, outbound", {"direction": "up"}),
    Case(
        "--direction inbound --direction outbound",
        "multiple times|takes words",
        {"direction": ["inbound", "outbound"]},
    ),
    Case("--queue ''", "neither a name nor an id", {"queue": ""}),
    Case(f"--queue '{ID}\n'", "neither a name nor an id", {"queue": f"{ID}\n"}),
    Case("--queue 'a\0b'", "neither a name nor an id", {"queue": "a\0b"}),
    Case(None, "neither a name nor an id", {"queue": [None]}),
    Case("--queue Nowhere", "is not among the", {"queue": "Nowhere"}, asked=LISTS),
    Case(f"--queue {ID}/../x", "is not among the", {"queue": f"{ID}/../x"}, asked=LISTS),
    Case(f"--queue {{{ID}}}", "is not among the", {"queue": f"{{{ID}}}"}, asked=LISTS),
    Case(
        f"--user {ID.replace('-', '')}",
        "is not among the",
        {"user": ID.replace("-", "")},
        asked=LISTS,
    ),
    Case(
        f"--user '{ID},{OTHER_ID}'", "is not among the", {"user": f"{ID},{OTHER_ID}"}, asked=LISTS
    ),
    Case("--division '*'", "is not among the", {"division": "*"}, asked=LISTS),
    Case("--paginate both", "paginate", {"paginate": "both"}),
    Case("--page-size 0", "at least 1", {"page_size": 0}),
    Case("--page-size=-1", "at least 1", {"page_size": -1}),
    Case("--page-size 1.5", "not a whole number|at least 1", {"page_size": 1.5}),
    Case("--page-size many", "not a whole number|at least 1", {"page_size": "many"}),
    Case("--page-size true", "not a whole number|at least 1", {"page_size": True}),
    Case("--requests-per-minute 0", "at least 1"),
    Case("--requests-per-minute=-5", "at least 1"),
    Case("--requests-per-minute 1.5", "not a whole number"),
    Case("--nonsense", "nonsense", {"nonsense": True}),
    Case("voice", "voice"),
    Case("--json=5", "--json"),
    Case("--log-format xml", "log-format"),
    Case("retrieve 2023-10-10", "retrieve"),
    Case("doctor extra", "extra"),
    Case("verify a b", "'b'"),
    Case("sandbox --port 70000", "65535"),
    Case("sandbox --per-day=-5", "per_day"),
    Case("sandbox --faults wild", "faults"),
    Case("sandbox --set x", "name=value"),
]
BODIES = [
    body("", "is not JSON"),
    body("{", "is not JSON"),
    body(b"\xff\xfe\x00\x01", "is not JSON"),
    body(b'{"segmentFilters": "\xff"}', "is not JSON"),
    body('{"order": NaN}', "NaN is not JSON"),
    body('{"segmentFilters": [], "segmentFilters": []}', "stands twice"),
    body("[]", "one JSON object|must be a dict", []),
    body('"voice"', "one JSON object|must be a dict", "voice"),
    body("null", "one JSON object"),
    body("[" * 100_000, "nested too deep"),
    body(b" " * 2_000_000, "larger than any query body"),
    body('{"segmentFilter": []}', "'segmentFilter'", {"segmentFilter": []}),
    body('{"interval": 5}', "'interval' in the query body", {"interval": 5}),
    body('{"paging": "all"}', "'paging' in the query body", {"paging": "all"}),
    body('{"limit": 5}', "'limit'", {"limit": 5}),
    body('{"orderBy": ["x"]}', "'orderBy' in the query body", {"orderBy": ["x"]}),
    body('{"segmentFilters": [{"type": "outdated_sdk_version"}]}', "the value of segmentFilters[0].type",
         {"segmentFilters": [{"type": "outdated_sdk_version"}]}),
    body('{"aggregations": [{}]}', "'aggregations'", {"aggregations": [{}]}),
    body('{"segmentFilters": {}}', "list of objects", {"segmentFilters": {}}),
    body('{"segmentFilters": [5]}', "list of objects", {"segmentFilters": [5]}),
    body('{"segmentFilters": [{"predicates": [{}]}]}', '"type"', {"segmentFilters": [{"predicates": [{}]}]}),
    body('{"segmentFilters": [{"type": "and"}]}', "no predicates", {"segmentFilters": [{"type": "and"}]}),
    body('{"segmentFilters": [{"type": "or", "clauses": [5]}]}', "list of objects",
         {"segmentFilters": [{"type": "or", "clauses": [5]}]}),
    body('{"segmentFilters": [{"type": "or", "predicates": 5}]}', "list of objects",
         {"segmentFilters": [{"type": "or", "predicates": 5}]}),
    Case(None, "cannot be written as JSON", {"query": {"segmentFilters": [FILTER | {"x": {1, 2}}]}}),
    Case("--query missing.json", "missing.json"),
    Case("--query .", "cannot read the query body"),
    Case("--query b.json/x", "cannot read the query body", there=file("b.json", "{}")),
    # Only the API knows what it has no filter for; then it is asked for one count.
    body(json.dumps({"segmentFilters": [{"type": "and", "predicates": [{"dimension": "nonsense", "value": "x"}]}]}),
         "the query is at fault", {"segmentFilters": [{"type": "and", "predicates": [{"dimension": "nonsense", "value": "x"}]}]},
         asked=WHEN | {"details.query"}),
]  # fmt: skip
ENVIRONMENTS = [
    variable(CLIENT, None, "GENESYS_CLIENT_ID is not set"),
    variable(CLIENT, "", "GENESYS_CLIENT_ID is not set"),
    Case(
        "",
        "GENESYS_CLIENT_ID is not a client id",
        {},
        variables={CLIENT: "my-client", PLACE: "eu-central-1"},
    ),
    Case(
        "",
        "variables GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET are not set",
        {},
        variables={CLIENT: None, SECRET: ""},
    ),
    variable(CLIENT, f"{ID} ", "GENESYS_CLIENT_ID has spaces"),
    variable(CLIENT, f'"{ID}"', "GENESYS_CLIENT_ID has spaces, quotes"),
    variable(SECRET, None, "GENESYS_CLIENT_SECRET is not set"),
    variable(SECRET, "abc\n", "GENESYS_CLIENT_SECRET has spaces, quotes or a line break"),
    variable(SECRET, "schlüssel", "GENESYS_CLIENT_SECRET has characters"),
    variable(SECRET, "wrong", "check GENESYS_CLIENT_SECRET", code=4, asked={"token"}),
    variable(CLIENT, OTHER_ID, "check GENESYS_CLIENT_ID", code=4, asked={"token"}),
    variable(PLACE, "us-east-9", "did you mean us-east-"),
    variable(PLACE, "mypurecloud.con", "did you mean mypurecloud.com"),
    variable(PLACE, "eu-central-1\nx", "GENESYS_ENVIRONMENT has spaces"),
    variable(PLACE, "http://api.mypurecloud.de", "in clear"),
    variable(PLACE, "http://192.168.0.1:8025", "in clear"),
    variable(PLACE, "ftp://api.mypurecloud.de", "not the URL of an API"),
    variable(PLACE, "https://", "not the URL of an API"),
    variable(PLACE, "https://me:pw@api.mypurecloud.de", "belong in"),
    variable(PLACE, "https://api.mypurecloud.de?x=1", "remove the rest"),
    variable(PLACE, "http://127.0.0.1:99999", "not the URL of an API"),
    variable(PLACE, "https://exa mple.com", "GENESYS_ENVIRONMENT has spaces"),
    Case(
        "",
        "HTTPS_PROXY",
        {},
        variables={PLACE: "eu-central-1", "HTTPS_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": ""},
    ),
    Case(
        "",
        "HTTPS_PROXY",
        {},
        variables={PLACE: "eu-central-1", "HTTPS_PROXY": "http://[::1", "NO_PROXY": ""},
    ),
    Case("doctor", "", code=4, variables={SECRET: "wrong"}, asked={"token"}),
]
DESTINATIONS = [
    place("", "'' is not a destination"),
    place(" ", "' ' is not a destination"),
    place("ftp://host/x", "give a folder"),
    place("x.json", "give a folder"),
    place("x.gz", "give a folder"),
    place("a\nb", "control characters"),
    place("a\0b", "control characters"),
    place("a\x1b[2J", "control characters"),
    place("x" * 300, "too long"),
    place("a/" + "x" * 250 + ".jsonl", "too long", 6),
    place("notes", "is a file", there=file("notes", "mine")),
    place("notes/out", "cannot write", 6, there=file("notes", "mine")),
    place("notes/x.jsonl", "cannot write", 6, there=file("notes", "mine")),
    place("photos", "has other things in it", 6, there=file("photos/cat.jpg", "meow")),
    place(".", "has other things in it", 6, there=file("cat.jpg", "meow")),
    place("x.jsonl", "was not written by lastpage", 6, there=file("x.jsonl", "{}\n")),
    # A single file.
    *(
        place(name, "looks like a file, and none that lastpage makes")
        for name in ("x.sqlite", "x.txt", "x.json", "x.xls", "x.gz")
    ),
    place("x.parquet", "is a folder", there=file("x.parquet/mine", "mine")),
    place("x.csv", "lastpage did not write it; give --replace", there=file("x.csv", "mine")),
    Case("--to x.csv --table nonsense", "is not a table", {"to": "x.csv", "table": "nonsense"}),
    Case("--to x.csv --tables segments", "give --table instead of --tables"),
    Case("--to x.csv --keep-raw", "give --table instead of --keep-raw"),
    Case("--to x.csv --attributes skill", "go together"),
    Case("--to x.csv --table participants_with_attributes", "go together"),
    Case("--to x.parquet --bom", "--bom is for a file of CSV", {"to": "x.parquet", "bom": True}),
    Case("--table segments", "--table is for a single file", {"table": "segments"}),
    Case("--to x.duckdb --replace", "--replace is for a single file"),
    Case("--to x.csv --format csv", "is not a folder"),
    place("out", "was not written by lastpage", 6, there=foreign_parquet),
    Case("--to a --to b", "multiple times"),
    Case("--to", "looks like an option", {"to": "-q"}),
    # What lastpage did not make is nothing to verify, and no advice is about writing.
    *(
        Case(f"verify {name}", "nothing to verify: give what fetch was given", there=there)
        for name, there in {
            "photos": file("photos/cat.jpg", "meow"),
            "x.jsonl": file("x.jsonl", "{}\n"),
            "x.duckdb": file("x.duckdb", b"years of work" * 1000),
            "out": foreign_parquet,
        }.items()
    ),
    Case("verify notes", "none that lastpage makes", there=file("notes", "mine")),
    Case("verify x.csv", "nothing was fetched into x.csv"),
    Case("verify x.csv --repair", "written whole"),
    Case("verify nowhere", "nothing was fetched into nowhere"),
    Case("verify nowhere.jsonl", "nothing was fetched into nowhere.jsonl"),
    Case("verify x.jsonl --content", "are not compared", there=fetched("x.jsonl")),
    Case("verify -", "unknown option"),
]
LEDGERS = [
    place("out", "was not written by lastpage", 6, there=foreign_ledger),
    place("out", "newer lastpage", there=fetched(then=newer_ledger)),
    place("out", "newer lastpage", there=fetched(then=facts(version=99))),
    place("out", "was not written by lastpage", 6, there=fetched(then=facts(version="new"))),
    place("out", "other filters (--media voice, not none)", there=fetched(media="voice")),
    place("out", "other filters", there=fetched(then=facts(filters='{"x":[]}'))),
    place("out", "another organization", there=fetched(then=others("somebody else")), asked=WHO),
    place(
        "out",
        "another organization",
        there=fetched(then=facts(organization="somebody else")),
        asked=WHO,
    ),
    place(
        "x.jsonl",
        "other filters (--media voice, not none)",
        there=fetched("x.jsonl", media="voice"),
    ),
    place("x.jsonl", "newer lastpage", there=fetched("x.jsonl", newer_lines)),
    place("x.jsonl", "cannot be read", 6, there=file("x.jsonl.lastpage/jsonl.json", "[" * 100_000)),
    place("x.jsonl", "shorter than", 6, there=fetched("x.jsonl", file("x.jsonl", "{}"))),
    # What lines there are already shows once the interval is known, before a count is asked for.
    Case(
        "fetch 2023-10-10/2023-10-12 --to x.jsonl",
        "cannot replace; give another file",
        there=fetched("x.jsonl"),
        asked=WHEN,
    ),
    Case(
        "fetch 2023-10-09/2023-10-10T00:00:00.001Z --to x.jsonl",
        "cannot replace",
        there=fetched("x.jsonl"),
        asked=WHEN,
    ),
    Case("verify out", "newer lastpage", there=fetched(then=facts(version=99))),
    Case(
        "verify out",
        "another organization",
        there=fetched(then=facts(organization="somebody else")),
        asked=WHO,
    ),
]
KEEPING = [
    Case("--tables segmnts", "did you mean segments", {"tables": "segmnts"}),
    Case("--drop anni", "did you mean ani", {"drop": "anni"}),
    Case("--columns segments.ani", "not a table or column", {"columns": "segments.ani"}),
    Case("--columns attributes.tier", "give it to --attributes", {"columns": "attributes.tier"}),
    Case("--drop conversation_id", "is a key", {"drop": "conversation_id"}),
    Case("--hash participant_no", "is a key", {"hash": "participant_no"}),
    Case("--hash segment_start", "only text can be hashed", {"hash": "segment_start"}),
    Case("--hash agent_ids", "not a table or column", {"hash": "agent_ids"}),
    Case("--hash ani --drop ani", "choose one", {"hash": "ani", "drop": "ani"}),
    Case("--keep-raw --drop ani", "whole records", {"keep_raw": True, "drop": "ani"}),
    Case("--hash ani", "LASTPAGE_HASH_KEY", {"hash": "ani"}, variables={"LASTPAGE_HASH_KEY": ""}),
    Case(
        "--hash ani",
        "at least 16 characters",
        {"hash": "ani"},
        variables={"LASTPAGE_HASH_KEY": "guessed"},
    ),
    Case("--to - --tables segments", "one a line, untouched", {"to": "-", "tables": "segments"}),
    Case("--to x.jsonl --drop ani", "one a line, untouched", {"to": "x.jsonl", "drop": "ani"}),
    Case("--to x.jsonl --format csv", "is not a folder", {"to": "x.jsonl", "format": "csv"}),
    Case("--to x.duckdb --format csv", "is not a folder", {"to": "x.duckdb", "format": "csv"}),
    Case(
        "--to out --format jsonl --drop ani",
        "one a line, untouched",
        {"to": "out", "format": "jsonl", "drop": "ani"},
    ),
    Case("--to out --format avro", "avro"),
    Case(
        "--to out --format csv",
        "one folder has one format",
        {"to": "out", "format": "csv"},
        there=fetched(),
    ),
    Case(
        "--to out --format jsonl",
        "one folder has one format",
        {"to": "out", "format": "jsonl"},
        there=fetched(),
    ),
    Case(
        "--to out --drop dnis",
        "another selection",
        {"to": "out", "drop": "dnis"},
        there=fetched(drop="ani"),
        asked=WHO | LISTS,
    ),
    place(
        "x.duckdb",
        "DuckDB",
        6,
        there=file("x.duckdb", b"years of work" * 1000),
    ),
    Case("--debug no/such/folder/trace", "no/such/folder", None),
    Case("--queue ''", "--queue", {"queue": ""}),
]
CASES = [*INTERVALS, *ZONES, *OPTIONS, *BODIES, *ENVIRONMENTS, *DESTINATIONS, *LEDGERS, *KEEPING]


def test_the_table() -> None:
    """Sixty mistakes at least, and most of them have a spelling in Python."""
    assert len(CASES) >= 60
    assert sum(case.python is not None for case in CASES) >= 60


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    """One organisation for all rows; what each row asked of it is counted."""
    released = threading.Event()
    box = Sandbox(
        Settings(seed=7, per_day=20, requests_per_minute=6_000),
        now=NOW.timestamp,
        sleep=released.wait,
    )
    with box.serve() as server:
        yield box, server.url
        released.set()


@pytest.fixture
def box(served: tuple[Sandbox, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """The organisation behind the variables, and an empty folder to work in."""
    box, url = served
    values = (box.settings.client_id, box.settings.client_secret, url)
    for name, value in zip((CLIENT, SECRET, PLACE), values, strict=True):
        monkeypatch.setenv(name, value)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return box


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file and folder with its content; only a lock may have been taken."""
    return {
        str(path.relative_to(folder)): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }


@dataclass
class Watched:
    """A row with its mistake in place, and what was there before."""

    box: Sandbox
    case: Case
    folder: Path
    before: dict[str, bytes]
    counted: dict[str, int]

    @classmethod
    def arrange(cls, box: Sandbox, case: Case, monkeypatch: pytest.MonkeyPatch) -> "Watched":
        case.there(Path.cwd())
        for name, value in case.variables.items():
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)
        folder = Path.cwd().parent
        return cls(box, case, folder, snapshot(folder), dict(box.counters))

    def check(self, printed: str) -> None:
        """The sentence, and that nothing happened."""
        assert any(says in printed.lower() for says in self.case.says.lower().split("|"))
        assert "Traceback" not in printed
        asked = {
            name for name, count in self.box.counters.items() if count > self.counted.get(name, 0)
        }
        assert asked <= self.case.asked
        assert snapshot(self.folder) == self.before


def name_of(case: Case) -> str:
    return (case.typed if case.typed is not None else str(case.python)).encode(
        "unicode_escape"
    ).decode()[:40] or "variables"


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("case", [case for case in CASES if case.typed is not None], ids=name_of)
def test_typed(
    box: Sandbox, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input is one sentence and an exit code; nothing is sent, made or changed."""
    watched = Watched.arrange(box, case, monkeypatch)
    words = shlex.split(case.typed or "")
    assert (
        run(words if words[:1] and words[0] in VERBS else ["fetch", DAY, *words, "-q"]) == case.code
    )
    printed = capsys.readouterr()
    if words[:1] != ["doctor"] or case.code == 2:
        assert printed.err.startswith("lastpage: ")
        assert printed.err.count("\n") == 1
        assert printed.out == ""
    watched.check(printed.err)


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize("case", [case for case in CASES if case.python is not None], ids=name_of)
def test_called(box: Sandbox, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input from Python is an error of the family; nothing is sent, made or changed."""
    watched = Watched.arrange(box, case, monkeypatch)
    with pytest.raises(LastpageError) as caught:
        Cloud.from_env().fetch(**{"interval": DAY, **(case.python or {})})
    assert caught.value.exit_code == case.code
    watched.check(str(caught.value))
