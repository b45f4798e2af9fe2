"""What goes from one process to another: slices, errors, and credentials by name; all through a new process and back."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lastpage import Cloud, Credentials, LastpageError, UsageError, errors
from tests.inprocess import URL, world

ID, SECRET = "11111111-2222-3333-4444-555555555555", "a-secret-that-nobody-else-has"
NAMES = "SALES_CLIENT_ID", "SALES_CLIENT_SECRET"
ERRORS = [
    *(kind(f"a {kind.__name__}") for kind in (LastpageError, UsageError, errors.ShortError)),
    *(
        kind("no", endpoint="GET /x", status=404, code="c", correlation_id="i", permission="p", too_large=True)
        for kind in (errors.ApiError, errors.RejectedError, errors.RefusedError, errors.UnavailableError)
    ),
    errors.DestinationError("full"),
    errors.ForeignError("x.csv is not ours", "remove it"),
    errors.DamagedError("x.parquet", "torn", "it"),
    errors.InUseError("in use"),
    errors.Interrupted("stopped"),
]  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """A process that has nothing of this one but what it is sent."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def same(value: Any) -> Any:
    return value


def raising(problem: Exception) -> None:
    raise problem


def without(name: str) -> None:
    os.environ.pop(name, None)


def id_of(credentials: Credentials) -> str:
    return credentials.here().client_id


def cloud_of(credentials: Credentials) -> str:
    return Cloud(credentials, URL).client.environment.name


def given(monkeypatch: pytest.MonkeyPatch) -> Credentials:
    for name, value in zip(NAMES, (ID, SECRET), strict=True):
        monkeypatch.setenv(name, value)
    return Credentials.from_env(*NAMES)


def test_every_kind_is_tried() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    assert {type(each) for each in ERRORS} == {
        each for each in kinds if issubclass(each, Exception)
    }


@pytest.mark.invariant("Several processes")
def test_errors(elsewhere: ProcessPoolExecutor) -> None:
    """An error of another process comes with its class, its message and all that it says."""
    for error in ERRORS:
        for found in (
            elsewhere.submit(same, error).result(),
            elsewhere.submit(raising, error).exception(),
        ):
            assert type(found) is type(error)
            assert str(found) == str(error)
            assert found.exit_code == error.exit_code
            told = {name: value for name, value in vars(found).items() if name[:2] != "__"}
            assert told == vars(error)


def test_slices(elsewhere: ProcessPoolExecutor) -> None:
    """A slice is the same in another process."""
    slices = world(per_day=40).cloud().plan("2023-10-09/2023-10-11", media="voice")
    assert elsewhere.submit(same, slices).result() == slices


@pytest.mark.invariant("Several processes")
def test_credentials_go_by_name(
    elsewhere: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle of credentials has the names of variables; id and secret are looked up where they are used."""
    credentials = given(monkeypatch)
    pickled = pickle.dumps(credentials)
    assert SECRET.encode() not in pickled
    assert ID.encode() not in pickled
    assert NAMES[1].encode() in pickled
    assert pickle.loads(pickled).here() == credentials
    assert copy.deepcopy(credentials) == copy.copy(credentials) == credentials
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as heir:
        assert heir.submit(id_of, credentials).result() == ID
        heir.submit(without, NAMES[1]).result()
        with pytest.raises(
            UsageError, match=rf"variable {NAMES[1]} is not set.*looked for in process \d+ on "
        ):
            heir.submit(cloud_of, credentials).result()


@pytest.mark.invariant("Several processes")
def test_credentials_of_two_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of different clients are different after a pickle, too: what is kept for one is not taken for the other."""
    given(monkeypatch)
    monkeypatch.setenv("OTHER_ID", ID.replace("1", "9"))
    monkeypatch.setenv("OTHER_SECRET", SECRET)
    sales, other = Credentials.from_env(*NAMES), Credentials.from_env("OTHER_ID", "OTHER_SECRET")
    kept = {pickle.loads(pickle.dumps(each)): each.client_id for each in (sales, other, sales)}
    assert {each.here().client_id: name for each, name in kept.items()} == {
        each.client_id: each.client_id for each in (sales, other)
    }


def test_credentials_of_a_file(
    tmp_path: Path, elsewhere: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of variables, such as a mounted secret; its environment counts where no other is named."""
    monkeypatch.delenv("GENESYS_ENVIRONMENT", raising=False)
    path = tmp_path / "genesys.env"
    path.write_text(
        f"# ours\nexport GENESYS_CLIENT_ID={ID}\n\nGENESYS_CLIENT_SECRET={SECRET}\nGENESYS_ENVIRONMENT=eu-west-2\n"
    )
    credentials = Credentials.from_file(path)
    assert SECRET.encode() not in pickle.dumps(credentials)
    assert SECRET not in repr(credentials)
    assert elsewhere.submit(id_of, credentials).result() == ID
    assert Cloud(credentials).client.environment.name == "eu-west-2"
    assert Cloud(credentials, "eu-central-1").client.environment.name == "eu-central-1"
    path.unlink()
    with pytest.raises(UsageError, match=r"cannot be read: No such file.*looked for in process"):
        elsewhere.submit(id_of, credentials).result()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SECRET, "line 1 of .* is not NAME=VALUE"),
        (f"GENESYS_CLIENT_ID={ID}", "GENESYS_CLIENT_SECRET is not set"),
        (f"GENESYS_CLIENT_ID={ID}\nGENESYS_CLIENT_SECRET='{SECRET}'", "has spaces, quotes"),
        ("\xff", "it is not text"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, why: str) -> None:
    """What is wrong with it is said, and no value of it is shown."""
    path = tmp_path / "x"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=why) as refused:
        Credentials.from_file(path)
    assert SECRET not in str(refused.value)


@pytest.mark.invariant("Several processes")
def test_a_secret_in_clear() -> None:
    """Credentials that hold a secret in clear are never pickled; nor is a client with its token."""
    with pytest.raises(UsageError, match=r"a secret in clear.*Credentials\.from_env\(\)"):
        pickle.dumps(Credentials(ID, SECRET))
    with pytest.raises(UsageError, match="make one in each process"):
        pickle.dumps(Cloud(Credentials(ID, SECRET)))


def test_a_name_is_no_id_of_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that no region knows is refused where the region is known, and not before."""
    given(monkeypatch)
    monkeypatch.setenv(NAMES[0], "my-client")
    monkeypatch.delenv("GENESYS_ENVIRONMENT", raising=False)
    credentials = Credentials.from_env(*NAMES)
    assert Cloud(credentials, URL).client.environment.name == "127.0.0.1:1"
    with pytest.raises(UsageError, match="SALES_CLIENT_ID is not a client id"):
        Cloud(credentials)
