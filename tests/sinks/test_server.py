"""What a server's URL is read as; a password in it is shown nowhere."""

import importlib.util
from pathlib import Path

import pytest

from lastpage import UsageError, status
from lastpage.sinks.destination import Destination
from lastpage.sinks.server import Server

SECRET = "s3cret/@?#"
QUOTED = "s3cret%2F%40%3F%23"


def test_what_is_read() -> None:
    """User, host, port, database, schema and what libpq takes; a schema that is not given has a name."""
    server = Server.parse("postgresql://anna@db.example:5433/calls?sslmode=require&schema=genesys")
    assert server.url == "postgresql://anna@db.example:5433/calls?sslmode=require&schema=genesys"
    assert server.place == ("db.example", "5433", "calls", "genesys")
    assert "sslmode=require" in server.connection
    assert "schema" not in server.connection
    assert Server.parse("postgres://h/d").schema == "lastpage"


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://anna:{QUOTED}@h/d?schema=s",
        f"postgresql://anna@h/d?schema=s&password={QUOTED}",
        f"postgresql://anna@h/d?sslpassword={QUOTED}",
    ],
)
def test_a_password_is_shown_nowhere(text: str) -> None:
    """A password goes to the server, and is in no text, name of a folder or message."""
    destination = (
        Destination.parse(text) if importlib.util.find_spec("adbc_driver_postgresql") else None
    )
    server = Server.parse(text)
    assert QUOTED in server.connection
    shown = [repr(server), str(server), str(server.state), server.hide(f"wrong: {SECRET}")]
    shown += [repr(destination)] if destination else []
    for each in shown:
        assert SECRET not in each
        assert "s3cret" not in each
    # What is shown is the same place.
    assert Server.parse(server.url).place == server.place
    assert Server.parse(server.url).state == server.state


@pytest.mark.invariant("Safe")
@pytest.mark.parametrize(
    "text",
    [
        "postgresql://anna:s3/cret@h/d",
        "postgresql://anna:s3?cret@h/d",
        "postgresql://anna:s3#cret@h/d",
        "postgresql://anna:s3cret@h:port/d",
        "postgresql://anna:s3cret@h/d\n",
        "postgresql:/anna:s3cret@h/d",
        "postgresql://anna:s3cret@/",
        "postgresql://anna:s3cret@h/d?x",
    ],
)
def test_a_url_that_cannot_be_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused in one sentence that quotes nothing of it: any part may be of a password."""
    monkeypatch.delenv("PGDATABASE", raising=False)
    with pytest.raises(UsageError) as refused:
        Server.parse(text if text != "postgresql://anna:s3cret@/" else "postgresql://:s3cret@/")
    assert "s3" not in str(refused.value)
    assert "cret" not in str(refused.value)
    assert "postgresql://user@host/db" in str(refused.value)


def test_a_path_of_it() -> None:
    """A `Path` loses a slash of the URL: that is no folder of this name."""
    with pytest.raises(UsageError, match="not as a Path"):
        status(Path("postgresql://anna@h/d"))


@pytest.mark.parametrize(
    ("schema", "why"),
    [("x" * 64, "64 bytes"), ("ü" * 32, "64 bytes"), ("pg_x", "PostgreSQL's own"), ("", "no name")],
)
def test_a_schema_that_cannot_be(schema: str, why: str) -> None:
    """PostgreSQL cuts names of more than 63 bytes without a word."""
    with pytest.raises(UsageError, match=why):
        Server.parse(f"postgresql://h/d?schema={schema}")


def test_a_state_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host, port, database and schema has a state of its own, by whichever user; another folder can be given."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    texts = ["h/d", "h:1/d", "i/d", "h/e", "h/d?schema=s", "h/d?schema=S", "h/d%2F?schema=s"]
    states = [Server.parse(f"postgresql://{each}").state for each in texts]
    assert len(set(states)) == len(texts)
    assert all(each.parent == tmp_path / "lastpage" for each in states)
    assert Server.parse("postgresql://anna:pw@h/d").state == states[0]


def test_a_state_of_others() -> None:
    """A folder has its state in it: another one is refused."""
    with pytest.raises(UsageError, match="--state is for a server"):
        Destination.parse("out", state="there")


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one sentence says what to install; exit code 2."""
    monkeypatch.setattr("lastpage.sinks.destination.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'lastpage\[postgres\]'") as refused:
        Destination.parse("postgresql://anna:s3cret@h/d")
    assert refused.value.exit_code == 2
