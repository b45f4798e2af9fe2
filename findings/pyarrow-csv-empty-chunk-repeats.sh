#!/usr/bin/env bash
# pyarrow 23.0.1 (22.0.0 does the same) beside 24.0.0, which does not do this; Python 3.11.
#
# One would guess: a chunk without rows adds nothing to a CSV file, since a table means the same however
# its rows are cut into chunks.
# True: in 23.0.1 an empty chunk before one with rows writes once more what was written last: the header,
# or all rows of the chunk before. Nothing is told. An empty chunk at the end, a table that has no rows at
# all, and a batch without rows are harmless, so the obvious tests of "nothing to write" pass.
# Known upstream: issue 36889 of apache/arrow, which speaks of the header alone; mended in 24. It is here
# because rows are doubled, too, and because older versions stay in use where other packages hold pyarrow
# back.
# Why it matters here: an export joins days or pages, and a night without conversations is an empty chunk. The
# file then has a day's rows twice, and its totals are wrong but plausible. To mend it: drop empty chunks
# (`table.combine_chunks()` does).
#
# Seen: the version, the rows of each chunk, what write_csv writes.
#   23.0.1 | [2] | "x" 1 2
#   23.0.1 | [0] | "x"
#   23.0.1 | [0, 2] | "x" "x" 1 2
#   23.0.1 | [2, 0] | "x" 1 2
#   23.0.1 | [2, 0, 2] | "x" 1 2 1 2 1 2
#   23.0.1 | [2, 0, 2] combined | "x" 1 2 1 2
#   24.0.0 | [2] | "x" 1 2
#   24.0.0 | [0] | "x"
#   24.0.0 | [0, 2] | "x" 1 2
#   24.0.0 | [2, 0] | "x" 1 2
#   24.0.0 | [2, 0, 2] | "x" 1 2 1 2
#   24.0.0 | [2, 0, 2] combined | "x" 1 2 1 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/23.0.1"
"$folder/23.0.1/bin/python" -m pip install -q pyarrow==23.0.1
python3 -m venv "$folder/24.0.0"
"$folder/24.0.0/bin/python" -m pip install -q pyarrow==24.0.0

cat > "$folder/write.py" <<'PYTHON'
import io

import pyarrow as pa
import pyarrow.csv


def written(table):
    file = io.BytesIO()
    pyarrow.csv.write_csv(table, file)
    return " ".join(file.getvalue().decode().split())


def day(rows):
    return pa.table({"x": pa.array(range(1, rows + 1), pa.int64())})


for chunks in ([2], [0], [0, 2], [2, 0], [2, 0, 2]):
    table = pa.concat_tables([day(rows) for rows in chunks])
    assert [len(chunk) for chunk in table["x"].chunks] == chunks
    print(pa.__version__, chunks, written(table), sep=" | ")
print(pa.__version__, f"{chunks} combined", written(table.combine_chunks()), sep=" | ")
PYTHON

found=$(for version in 23.0.1 24.0.0; do "$folder/$version/bin/python" "$folder/write.py"; done)
echo "$found"
diff <(echo "$found") - <<'SEEN'
23.0.1 | [2] | "x" 1 2
23.0.1 | [0] | "x"
23.0.1 | [0, 2] | "x" "x" 1 2
23.0.1 | [2, 0] | "x" 1 2
23.0.1 | [2, 0, 2] | "x" 1 2 1 2 1 2
23.0.1 | [2, 0, 2] combined | "x" 1 2 1 2
24.0.0 | [2] | "x" 1 2
24.0.0 | [0] | "x"
24.0.0 | [0, 2] | "x" 1 2
24.0.0 | [2, 0] | "x" 1 2
24.0.0 | [2, 0, 2] | "x" 1 2 1 2
24.0.0 | [2, 0, 2] combined | "x" 1 2 1 2
SEEN
