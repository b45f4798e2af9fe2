#!/usr/bin/env bash
# deltalake 1.6.6 for Python 3.11 (with pyarrow 26.0.1 to write and read the files).
#
# One would guess: `DeltaTable.create_write_transaction(actions, "overwrite", schema, ["day"], [("day", "=", "2")])`
# replaces the files of that day, and leaves the others alone. `schema` is documented as the schema of the files that
# are added; a file may lack a column of its table, which is null there.
# True: the table's schema becomes the one that is given. A day that is overwritten by files without a column takes
# the column from every day. No file of the others is touched, and nothing is said; who reads the table sees the
# column nowhere any more. An older version of the table still has it, and so has the next commit that names it.
# (`write_deltalake` with a narrower table and a predicate refuses, unless it is told `schema_mode="merge"`.)
# Also: the object that has committed stays at the version that it had before, until it is brought up to date.
# Known upstream: no issue was found.
# Why it matters here: a release that has a column less, or a program that writes only some of them, would hide the
# values of years by one day. To mend it: give the columns of the table, united with those of the files.
#
# Seen: the columns and the rows, before and after day 2 is overwritten by a file without `b`; then with both given.
#   before  | ['a', 'b', 'day'] | day 1: [1, 10] | day 2: [2, 20]
#   after   | ['a', 'day'] | day 1: [1] | day 2: [3] | version 2 of 3
#   united  | ['a', 'b', 'day'] | day 1: [1, 10] | day 2: [4, None] | version 3 of 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q deltalake==1.6.6 pyarrow==26.0.1

cat > "$folder/overwrite.py" <<'PYTHON'
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction

wide = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("day", pa.string())])
narrow = pa.schema([("a", pa.int64()), ("day", pa.string())])


def overwrite(day, schema, **columns):
    """One file in place of those of a day; the versions of the object that did it, and of the table."""
    file = Path(f"table/day={day}/{len(list(Path('table/_delta_log').iterdir()))}.parquet")
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), file)
    stats, where = json.dumps({"numRecords": 1}), str(file.relative_to("table"))
    add = AddAction(where, file.stat().st_size, {"day": day}, 0, True, stats)
    table = DeltaTable("table")
    table.create_write_transaction([add], "overwrite", schema, ["day"], [("day", "=", day)])
    return f"version {table.version()} of {DeltaTable('table').version()}"


def tell(when, *more):
    table = DeltaTable("table").to_pyarrow_table().sort_by("day")
    rows = [f"day {row.pop('day')}: {list(row.values())}" for row in table.to_pylist()]
    print(when, table.column_names, *rows, *more, sep=" | ")


DeltaTable.create("table", wide, partition_by=["day"])
overwrite("1", wide, a=[1], b=[10])
overwrite("2", wide, a=[2], b=[20])
tell("before ")
tell("after  ", overwrite("2", narrow, a=[3]))
tell("united ", overwrite("2", wide, a=[4]))
PYTHON

cd "$folder"
found=$("$folder/venv/bin/python" "$folder/overwrite.py" | sed 's/  *|/ |/')
echo "$found"
diff <(echo "$found") - <<'SEEN'
before | ['a', 'b', 'day'] | day 1: [1, 10] | day 2: [2, 20]
after | ['a', 'day'] | day 1: [1] | day 2: [3] | version 2 of 3
united | ['a', 'b', 'day'] | day 1: [1, 10] | day 2: [4, None] | version 3 of 4
SEEN
