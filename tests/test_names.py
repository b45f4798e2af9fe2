"""Names beside ids: lists as tables, names in the overview, filters by name; and none of it ever fails a fetch."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lastpage import RefusedError, UnavailableError, UsageError
from lastpage.api.names import PATIENCE, Directory, without_names
from lastpage.keywords import query_from
from lastpage.tables.selection import LISTS, Selection
from lastpage_sandbox import Settings
from lastpage_sandbox.lists import Lists
from tests.inprocess import World, world
from tests.readback import everything, ids, table

DAY = "2023-10-10"
#: The sandbox's endpoints of the lists.
ENDPOINTS = {
    "queues": "queues",
    "users": "users",
    "wrap_up_codes": "wrapupcodes",
    "divisions": "divisions",
}


def truth(made: World, kind: str) -> dict[str, str]:
    return {
        each["id"]: each["name"] for each in Lists(made.sandbox.settings)._entities[ENDPOINTS[kind]]
    }


def listed(folder: Path, kind: str) -> dict[str, str]:
    return {
        row["id"]: row["name"] for row in pq.read_table(folder / kind / "part.parquet").to_pylist()
    }


def asked(made: World) -> set[str]:
    """The lists that were asked for."""
    return {kind for kind, endpoint in ENDPOINTS.items() if made.sandbox.counters[endpoint]}


def without(*permissions: str) -> World:
    return world(per_day=60, permissions=Settings().permissions - set(permissions))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "a key of thirty-two characters..")


def test_lists_and_names(tmp_path: Path) -> None:
    """The lists are tables of their own, and the overview shows the names of its ids."""
    made = world(per_day=60, list_page_max=7)
    made.cloud().fetch(DAY, tmp_path)
    for kind in LISTS:
        assert listed(tmp_path, kind) == truth(made, kind)
    queues, users, codes = (truth(made, kind) for kind in ("queues", "users", "wrap_up_codes"))
    rows = table(tmp_path, "conversation_overview")
    assert any(row["first_queue"] for row in rows)
    assert any(row["agents"] for row in rows)
    for row in rows:
        assert row["first_queue"] == queues.get(row["first_queue_id"])
        assert row["last_queue"] == queues.get(row["last_queue_id"])
        assert row["agents"] == [users[each] for each in row["agent_ids"]]
        assert row["wrap_up"] == codes.get(row["wrap_up_code"])


def test_users_who_left(tmp_path: Path) -> None:
    """Conversations of those who have left have their names, too."""
    made = world(per_day=60, users_left=0.5)
    made.cloud().fetch(DAY, tmp_path)
    assert listed(tmp_path, "users") == truth(made, "users")
    assert all(all(row["agents"]) for row in table(tmp_path, "conversation_overview"))


def test_no_names(tmp_path: Path) -> None:
    """`names=False`: ids are enough, and no list is asked for. It is not part of what a destination is made for."""
    made = world(per_day=60)
    made.cloud().fetch(DAY, tmp_path, names=False)
    assert not asked(made)
    assert {row["first_queue"] for row in table(tmp_path, "conversation_overview")} == {None}
    assert not (tmp_path / "queues").exists()
    made.cloud().fetch(DAY, tmp_path, refresh=True)
    assert {row["first_queue"] for row in table(tmp_path, "conversation_overview")} > {"Sales"}


@pytest.mark.parametrize("place", ["x.jsonl", "-"])
def test_lines_have_no_names(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records as they came have ids; nothing is asked that is not used."""
    monkeypatch.chdir(tmp_path)
    made = world(per_day=6)
    made.cloud().fetch(DAY, place)
    assert not asked(made)


@pytest.mark.invariant("Names")
def test_a_missing_permission(tmp_path: Path) -> None:
    """A list that the role may not read is a note with the permission's name, never a failure."""
    whole = world(per_day=60).cloud().fetch(DAY, tmp_path / "whole")
    summary = without("routing:queue:view").cloud().fetch(DAY, tmp_path / "part")
    (note,) = summary.notes
    assert note.startswith("queues have ids here and no names: ")
    assert "lacks routing:queue:view; grant" in note
    assert (summary.coverage, summary.conversations) == (whole.coverage, whole.conversations)
    assert not (tmp_path / "part" / "queues").exists()
    rows = table(tmp_path / "part", "conversation_overview")
    assert {row["first_queue"] for row in rows} == {None}
    assert any(row["agents"] for row in rows)


@pytest.mark.invariant("Names")
def test_all_permissions_are_missing(tmp_path: Path) -> None:
    """Several lists that the role may not read are one note, which names each permission and says once what to do."""
    lacking = ["routing:queue:view", "directory:user:view", "routing:wrapupCode:view"]
    summary = without(*lacking).cloud().fetch(DAY, tmp_path)
    (note,) = summary.notes
    assert note.startswith("queues, users, wrap-up codes have ids here and no names: ")
    assert f"lacks {', '.join(lacking)}; grant" in note
    assert note.count("Admin > People") == 1


def test_a_permission_that_two_lists_need() -> None:
    """It is named once."""
    problem = RefusedError("no", permission="directory:all:view")
    (note,) = without_names({"queues": problem, "users": problem})
    assert note.startswith("queues, users have ids here")
    assert note.count("directory:all:view") == 1


def test_an_outage_of_all_lists(tmp_path: Path) -> None:
    """Lists that fail in the same way are one note, too; one that fails in another has its own."""
    made = world(per_day=20)
    for kind in ("queues", "users", "divisions"):
        made.sandbox.faults.put(ENDPOINTS[kind], *["return-500"] * 60)
    made.sandbox.faults.put(ENDPOINTS["wrap_up_codes"], *["return-404"])
    notes = made.cloud().fetch(DAY, tmp_path).notes
    assert [note.partition(" could not be read: ")[0] for note in notes] == [
        "the names of queues, users, divisions",
        "the names of wrap-up codes",
    ]


@pytest.mark.invariant("Names")
@pytest.mark.parametrize("kind", list(LISTS))
def test_a_list_that_fails(tmp_path: Path, kind: str) -> None:
    """A list that cannot be read today is a note, and the one of yesterday stays."""
    made = world(per_day=20)
    made.cloud().fetch(DAY, tmp_path)
    before = listed(tmp_path, kind)
    made.sandbox.faults.put(ENDPOINTS[kind], *["return-500"] * PATIENCE.tries)
    summary = made.cloud().fetch("2023-10-11", tmp_path)
    assert summary.coverage == "complete"
    assert len(summary.notes) == 1
    assert "could not be read" in summary.notes[0]
    assert listed(tmp_path, kind) == before


@pytest.mark.invariant("Names")
@pytest.mark.parametrize(
    ("selection", "lists"),
    [
        ({}, "queues users wrap_up_codes divisions"),
        ({"hash": ("user_id",)}, "queues wrap_up_codes divisions"),
        ({"hash": ("participants.user_id",)}, "queues wrap_up_codes divisions"),
        ({"drop": ("user_id",)}, "queues wrap_up_codes divisions"),
        ({"drop": ("agents",)}, "queues wrap_up_codes divisions"),
        ({"drop": ("participant_name",)}, "queues wrap_up_codes divisions"),
        ({"drop": ("queue_id", "division_ids")}, "users wrap_up_codes"),
        ({"hash": ("wrap_up_code",)}, "queues users divisions"),
        ({"tables": ("metrics",)}, "divisions"),
        ({"tables": ("participants",), "columns": ("participants.purpose",)}, "divisions"),
        ({"tables": ("conversation_overview",)}, "queues users wrap_up_codes divisions"),
    ],
    ids=str,
)
def test_which_lists(selection: dict[str, Any], lists: str) -> None:
    """No name brings back an id that was hashed or dropped."""
    assert " ".join(Selection(**selection).lists) == lists


@pytest.mark.usefixtures("key")
def test_names_do_not_undo_a_hash(tmp_path: Path) -> None:
    """Hashed users have no list, and it is not asked for, by no later fetch either."""
    made = world(per_day=20)
    made.cloud().fetch(DAY, tmp_path, hash="user_id")
    made.cloud().fetch("2023-10-11", tmp_path)
    assert asked(made) == set(LISTS) - {"users"}
    assert not (tmp_path / "users").exists()
    names = [name for row in table(tmp_path, "conversation_overview") for name in row["agents"]]
    assert set(names) == {None}


def test_tables_have_names() -> None:
    """In Python, too: the lists come first, then pages with names in them; `names=False` asks for none."""
    made = world(per_day=20)
    batches = list(made.cloud().tables(DAY))
    assert [name for name, _ in batches[:4]] == list(LISTS)
    assert dict(zip(*batches[0][1].to_pydict().values(), strict=True)) == truth(made, "queues")
    shown = pa.Table.from_batches(
        [batch for name, batch in batches if name == "conversation_overview"]
    )
    assert "Sales" in shown.column("first_queue").to_pylist()
    plain = world(per_day=20)
    assert not {name for name, _ in plain.cloud().tables(DAY, names=False)} & set(LISTS)
    assert not asked(plain)


def test_tables_warn(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be had is a warning in the log."""
    with caplog.at_level(logging.WARNING, "lastpage"):
        list(without("routing:wrapupCode:view").cloud().tables(DAY))
    assert "routing:wrapupCode:view" in caplog.text


# Filters by name ----------------------------------------------------------------------------------------------


def meant(made: World, **filters: Any) -> Any:
    return query_from(DAY, filters, Directory(made.cloud().client))  # type: ignore[arg-type]


@pytest.mark.invariant("Names")
def test_every_verb_takes_names(tmp_path: Path) -> None:
    """A name means its id, for every verb, and a destination is made for the ids."""
    made = world(per_day=60)
    sales = next(each for each, name in truth(made, "queues").items() if name == "Sales")
    cloud = made.cloud()
    wanted = {each["conversationId"] for each in cloud.conversations(DAY, queue=sales)}
    assert 5 < len(wanted) < 50
    assert {each["conversationId"] for each in cloud.conversations(DAY, queue="Sales")} == wanted
    assert {each["conversationId"] for each in cloud.fetch_all(DAY, queue="Sales")} == wanted
    assert {
        each["conversationId"]
        for page in cloud.pages(DAY, queue="Sales")
        for each in page.conversations
    } == wanted
    assert cloud.plan(DAY, queue="Sales") == cloud.plan(DAY, queue=sales)
    main = [
        batch
        for name, batch in cloud.tables(DAY, queue="Sales", names=False)
        if name == "conversations"
    ]
    assert set(pa.Table.from_batches(main).column("conversation_id").to_pylist()) == wanted
    cloud.fetch(DAY, tmp_path, queue="Sales")
    cloud.fetch("2023-10-11", tmp_path, queue=sales)
    assert wanted < set(ids(tmp_path))


@pytest.mark.parametrize("text", ["Second Level", "second level", " SECOND LEVEL "])
def test_case_does_not_matter(text: str) -> None:
    """A name is found as people type it; among several values each id is asked for once."""
    made = world()
    (second,) = [each for each, name in truth(made, "queues").items() if name == "Second Level"]
    assert meant(made, queue=[text, second, text]).queues == (second,)
    assert made.sandbox.counters["queues"] == 1


def test_users_and_divisions() -> None:
    """Users and divisions have names as well."""
    made = world()
    query = meant(made, user="ada abel", division="Home")
    assert [truth(made, "users")[each] for each in query.users] == ["Ada Abel"]
    assert [truth(made, "divisions")[each] for each in query.divisions] == ["Home"]


def test_ids_are_not_looked_up() -> None:
    """An id needs no list, and no permission for one."""
    made = without("routing:queue:view")
    meant(made, queue="1316b268-d531-4111-b3e2-aa2536d57641")
    assert not asked(made)


def test_an_unknown_name() -> None:
    """An unknown name: names like it are suggested."""
    with pytest.raises(
        UsageError, match=r"--queue 'Sale' is not among the 6 queues .* did you mean 'Sales'\?"
    ):
        meant(world(), queue="Sale")


def test_a_name_of_two() -> None:
    """A name of several: their ids are told, and nothing is guessed; letter by letter, one of them can be meant."""
    made = world()
    entities = made.sandbox._handlers.lists._entities["queues"]
    twins = [
        {**entities[0], "id": f"{number:08x}-0000-4000-8000-000000000000", "name": "Twin"}
        for number in (1, 2)
    ]
    entities += [*twins, {**twins[0], "id": "00000003-0000-4000-8000-000000000000", "name": "twin"}]
    with pytest.raises(
        UsageError, match=r"'Twin' is the name of 2 queues; give an id: 00000001-.*, 00000002-"
    ):
        meant(made, queue="Twin")
    with pytest.raises(UsageError, match="'TWIN' is the name of 3 queues"):
        meant(made, queue="TWIN")
    assert meant(made, queue="twin").queues == ("00000003-0000-4000-8000-000000000000",)


def test_a_name_without_its_permission(tmp_path: Path) -> None:
    """Without the list the question cannot be understood: refused, exit code 4, with the permission's name."""
    made = without("routing:queue:view")
    with pytest.raises(
        RefusedError, match=r"--queue .Sales. is a name.*routing:queue:view"
    ) as refused:
        made.cloud().fetch(DAY, tmp_path / "x", queue="Sales")
    assert (refused.value.exit_code, refused.value.status) == (4, 403)
    assert not (tmp_path / "x").exists()


def test_a_name_in_an_outage() -> None:
    """Where the list cannot be had for another reason, that is the reason; an outage of a minute is waited out."""
    made = world()
    made.sandbox.faults.put("queues", *["return-500"] * PATIENCE.tries)
    assert meant(made, queue="Sales")
    made.sandbox.faults.put("queues", *["return-500"] * 60)
    with pytest.raises(UnavailableError, match="--queue 'Sales' is a name"):
        meant(made, queue="Sales")


def test_verify_does_not_read_names(tmp_path: Path) -> None:
    """A second reading compares conversations; names that changed since are not compared, and not asked for."""
    made = world(per_day=20)
    made.cloud().fetch(DAY, tmp_path)
    before = made.sandbox.counters["queues"]
    for each in made.sandbox._handlers.lists._entities["queues"]:
        each["name"] += " (renamed)"
    found = made.cloud().verify(tmp_path, content=True)
    assert {proof.state for proof in found.proofs} == {"same"}
    assert made.sandbox.counters["queues"] == before
    assert everything(tmp_path)["conversations"]
