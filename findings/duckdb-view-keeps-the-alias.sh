#!/usr/bin/env bash
# DuckDB 1.5.6 and 2.0.1 for Python 3.11; a file that 1.5.6 made, and one that 2.0.1 made.
#
# One would guess: the alias of ATTACH is a name of the session, and the file does not know it; so a view
# that was made over an attached file works wherever the file is opened. And where 2.0 mended this, it is
# mended.
# True: 1.5.6 keeps the alias in the text of the view. The view works in the session that made it, and for
# whoever happens to open the file under the same name; the name is that of the file unless one says
# otherwise, so renaming the file breaks the view or mends it. Everybody else gets a CatalogException about
# a schema that the file never had. 2.0.1 leaves the alias away when it makes a view, but not when it reads
# one: what 1.x wrote stays unreadable in 2.0.1, until the view is made anew.
# Known upstream: issue 25603 of duckdb/duckdb, mended in 2.0, for views made since.
# Why it matters here: an exporter that builds a file beside the old one and renames it when it is whole, or
# that attaches it to a session of its own, ships views that only its own tests can read. To mend it: name
# the tables in a view without the alias (`create view made.plain as select x from t`); they are found in
# the view's own database first.
#
# Seen: who made it, who reads it, the file's name, the view with the alias, the one without.
#   1.5.6 made, 1.5.6 reads | other.duckdb | CatalogException | [(42,)]
#   1.5.6 made, 1.5.6 reads | made.duckdb | [(42,)] | [(42,)]
#   1.5.6 made, 2.0.1 reads | other.duckdb | CatalogException | [(42,)]
#   1.5.6 made, 2.0.1 reads | made.duckdb | [(42,)] | [(42,)]
#   2.0.1 made, 2.0.1 reads | other.duckdb | [(42,)] | [(42,)]
#   2.0.1 made, 2.0.1 reads | made.duckdb | [(42,)] | [(42,)]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/1.5.6"
"$folder/1.5.6/bin/python" -m pip install -q duckdb==1.5.6
python3 -m venv "$folder/2.0.1"
"$folder/2.0.1/bin/python" -m pip install -q duckdb==2.0.1

cat > "$folder/make.py" <<'PYTHON'
import duckdb

session = duckdb.connect()
session.execute("attach 'other.duckdb' as made")
session.execute("create table made.t as select 42 as x")
session.execute("create view made.v as select x from made.t")
session.execute("create view made.plain as select x from t")
assert session.execute("select * from made.v").fetchall() == [(42,)]
PYTHON

cat > "$folder/read.py" <<'PYTHON'
import os
import sys

import duckdb


def told(session, view):
    try:
        return session.execute(f"select * from {view}").fetchall()
    except duckdb.Error as problem:
        return type(problem).__name__


for name in ("other.duckdb", "made.duckdb"):
    if name != "other.duckdb":
        os.rename("other.duckdb", name)
    with duckdb.connect(name, read_only=True) as session:
        who = f"{sys.argv[1]} made, {duckdb.__version__} reads"
        print(who, name, told(session, "v"), told(session, "plain"), sep=" | ")
os.rename("made.duckdb", "other.duckdb")
PYTHON

both() { # the version that makes the file, those that read it
  mkdir "$folder/by-$1"
  cd "$folder/by-$1"
  "$folder/$1/bin/python" "$folder/make.py"
  for reader in "${@:2}"; do "$folder/$reader/bin/python" "$folder/read.py" "$1"; done
}

found=$(both 1.5.6 1.5.6 2.0.1 && both 2.0.1 2.0.1)
echo "$found"
diff <(echo "$found") - <<'SEEN'
1.5.6 made, 1.5.6 reads | other.duckdb | CatalogException | [(42,)]
1.5.6 made, 1.5.6 reads | made.duckdb | [(42,)] | [(42,)]
1.5.6 made, 2.0.1 reads | other.duckdb | CatalogException | [(42,)]
1.5.6 made, 2.0.1 reads | made.duckdb | [(42,)] | [(42,)]
2.0.1 made, 2.0.1 reads | other.duckdb | [(42,)] | [(42,)]
2.0.1 made, 2.0.1 reads | made.duckdb | [(42,)] | [(42,)]
SEEN
