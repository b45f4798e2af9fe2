#!/usr/bin/env bash
# deltalake 1.6.6 for Python 3.11 (with pyarrow 26.0.1).
#
# One would guess: a table is where its path says, and a folder may have any name, such as `a%20b`, which a browser
# or a download leaves behind. Or a percent sign is an escape everywhere, and `a%20b` is another name of `a b`.
# True: it depends on the step. The table is made in `a%20b`, and its log is listed there; what the log says is read
# from the folder `a b`, if that is there and has a commit of the same number. So whoever opens `a%20b` gets the
# columns and the file names of `a b`. The first sign is that a data file is not found, where rows are read; who asks
# for the schema or the log alone is told of the other table. Without a neighbour the table cannot be opened at all
# once it was made.
# Known upstream: issues 1391 and 2425 of delta-io/delta-rs tell of spaces that became `%20` on Windows, in the file
# names; of this, no issue was found.
# Why it matters here: two exports in folders beside each other may be mixed up, and the check of columns before a
# write looks at the wrong table. A path as a `file://` URL, escaped once more, is read the same way. To mend it:
# refuse such a path.
#
# Seen: the columns of either table, as its folder was asked; without the neighbour; the same path as a URL.
#   a b: ['x'] | a%20b: ['x'], though it was made of ['y']
#   alone: DeltaError | as a URL: DeltaError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q deltalake==1.6.6 pyarrow==26.0.1

cat > "$folder/open.py" <<'PYTHON'
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError


def columns(table):
    try:
        return [field.name for field in DeltaTable(table).schema().fields]
    except DeltaError:
        return "DeltaError"


write_deltalake("a b", pa.table({"x": [1]}))
write_deltalake("a%20b", pa.table({"y": [2]}))
print(f"a b: {columns('a b')} | a%20b: {columns('a%20b')}, though it was made of ['y']")
rmtree("a b")
print(f"alone: {columns('a%20b')} | as a URL: {columns(Path('a%20b').absolute().as_uri())}")
PYTHON

cd "$folder"
found=$("$folder/venv/bin/python" "$folder/open.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
a b: ['x'] | a%20b: ['x'], though it was made of ['y']
alone: DeltaError | as a URL: DeltaError
SEEN
