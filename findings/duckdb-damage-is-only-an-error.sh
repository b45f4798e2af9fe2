#!/usr/bin/env bash
# DuckDB 2.0.1 for Python 3.11, beside 1.5.6.
#
# One would guess: a checksum that does not match is a duckdb.IOException, as in 1.x, or has a class of its
# own now; in any case a duckdb.DatabaseError, from which PEP 249 derives whatever concerns the database.
# True: in 2.0.1 it is the bare duckdb.Error, the base of all, and its message has lost "IO Error: ". Neither
# `except duckdb.IOException` nor `except duckdb.DatabaseError` catches it any longer. The engine has a kind of
# its own for damage since 2.0 (pull request 24152 of duckdb/duckdb); the Python package has no class for that
# kind, and takes the base for what it does not know. A file that is not there keeps its class.
# Why it matters here: a tool that keeps months of conversations in one file tells "damaged: restore it" from
# "locked: wait" and from "no such table: its own fault". After an update the first of these falls through all
# of its clauses and ends as a traceback, or is held for something unknown; no test shows it but one with a
# damaged file. To mend it: catch duckdb.Error last, and go by the words "Corrupt database file".
#
# Seen: the version, what happens, the class, whether it is an IOException, whether it is a DatabaseError, the
# beginning of its message.
#   2.0.1 | a damaged head | Error | False | False | Corrupt database file
#   2.0.1 | a damaged table | Error | False | False | Corrupt database file
#   2.0.1 | no such file | IOException | True | True | IO Error
#   1.5.6 | a damaged head | IOException | True | True | IO Error: Corrupt database file
#   1.5.6 | a damaged table | IOException | True | True | IO Error: Corrupt database file
#   1.5.6 | no such file | IOException | True | True | IO Error
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/2.0.1"
"$folder/2.0.1/bin/python" -m pip install -q duckdb==2.0.1
python3 -m venv "$folder/1.5.6"
"$folder/1.5.6/bin/python" -m pip install -q duckdb==1.5.6

cat > "$folder/damage.py" <<'PYTHON'
import sys
from pathlib import Path

import duckdb

path = Path(sys.argv[1]) / f"{duckdb.__version__}.duckdb"
with duckdb.connect(str(path)) as session:
    session.execute("create table t as select i, 'note ' || i as x from range(100_000) r(i)")
whole = path.read_bytes()


def told(what):
    try:
        with duckdb.connect(str(path), read_only=True) as session:
            session.execute("select sum(i), max(x) from t").fetchall()
    except duckdb.Error as problem:
        error, io, database = duckdb.Error, duckdb.IOException, duckdb.DatabaseError
        kind = "Error" if type(problem) is error else type(problem).__name__
        words = str(problem).partition("Corrupt database file")
        begun = words[0] + words[1] if words[1] else words[0].partition(":")[0]
        row = (what, kind, isinstance(problem, io), isinstance(problem, database), begun)
        print(duckdb.__version__, *row, sep=" | ")


def damaged(at):
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


for what, at in {"a damaged head": 100, "a damaged table": len(whole) // 2}.items():
    path.write_bytes(damaged(at))
    told(what)
path.unlink()
told("no such file")
PYTHON

found=$(for version in 2.0.1 1.5.6; do "$folder/$version/bin/python" "$folder/damage.py" "$folder"; done)
echo "$found"
diff <(echo "$found") - <<'SEEN'
2.0.1 | a damaged head | Error | False | False | Corrupt database file
2.0.1 | a damaged table | Error | False | False | Corrupt database file
2.0.1 | no such file | IOException | True | True | IO Error
1.5.6 | a damaged head | IOException | True | True | IO Error: Corrupt database file
1.5.6 | a damaged table | IOException | True | True | IO Error: Corrupt database file
1.5.6 | no such file | IOException | True | True | IO Error
SEEN
