#!/usr/bin/env bash
# dlt 1.31.0 with its filesystem destination and Parquet files, Python 3.11.
#
# One would guess: a resource with write_disposition="merge" and a primary key replaces, in the next
# load, the rows of the same key; a destination that cannot do that refuses.
# True: into plain Parquet files it appends. The load succeeds, its info counts no failed job, and the
# only word of it is a warning in the log, which is easily among many. Both versions of a row stay,
# and nothing in the rows but the load's id tells the older one.
# Why it matters here: conversations of a contact centre change for days (wrap-up, evaluations), so a
# nightly load reads days again, and "merge" is what guides give for that. Every conversation that was
# read twice is then counted twice.
#
# Seen: rows after the first and the second load of the same two keys; the failed jobs of both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q 'dlt==1.31.0' pyarrow==26.0.1

cat > "$folder/load.py" <<'PYTHON'
import sys
from pathlib import Path

import dlt
import pyarrow.parquet as pq

place = Path(sys.argv[1])


@dlt.resource(name="conversations", primary_key="id", write_disposition="merge")
def conversations(wrap_up):
    yield [{"id": "a", "wrap_up": wrap_up}, {"id": "b", "wrap_up": wrap_up}]


pipeline = dlt.pipeline(
    "nightly",
    pipelines_dir=str(place / "state"),
    destination=dlt.destinations.filesystem(bucket_url=(place / "out").as_uri()),
    dataset_name="lake",
)
for wrap_up in ("none", "sold"):
    info = pipeline.run(conversations(wrap_up), loader_file_format="parquet")
    files = sorted((place / "out" / "lake" / "conversations").rglob("*.parquet"))
    rows = [row["id"] + " " + row["wrap_up"] for path in files for row in pq.read_table(path).to_pylist()]
    print(sorted(rows), "failed jobs:", info.has_failed_jobs)
PYTHON

found=$(cd "$folder" && "$folder/venv/bin/python" load.py "$folder" 2>"$folder/log")
echo "$found"
diff <(echo "$found") - <<'SEEN'
['a none', 'b none'] failed jobs: False
['a none', 'a sold', 'b none', 'b sold'] failed jobs: False
SEEN
grep -qi "merge" "$folder/log"
