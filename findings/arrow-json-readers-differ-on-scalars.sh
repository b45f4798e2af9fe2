#!/usr/bin/env bash
# arro3-io and arro3-core 0.9.1 (the JSON reader of arrow-rs) beside pyarrow 26.0.1, Python 3.11.
#
# One would guess: given the same Arrow schema and the same valid JSON, the JSON readers of two Arrow
# implementations accept the same values, and refuse a scalar of another type than the column's.
# True: the reader of arrow-rs takes a number for a timestamp (as milliseconds), a 60th second as the
# next minute, a zone by its name; the texts "5", "NaN" and "inf" for doubles, "4" for an integer; and
# it cuts the number 4.25 to 4. None of it is told. pyarrow refuses each of these, and refuses a
# timestamp with more digits than the column's unit, which the other cuts. Both take a date alone, and
# a time without a zone, for UTC. Neither takes "4.25" for an integer, though one takes the number.
# Why it matters here: exports of contact centres meet such values (a metric of 4.25, an attribute or a
# time that was typed by a person). Whoever replaces one reader by the other changes which rows come and
# what they say, without an error; a fallback from one to the other is not a fallback.
#
# Seen: the kind of column, the JSON value, arro3-io, pyarrow. As below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q arro3-io==0.9.1 arro3-core==0.9.1 pyarrow==26.0.1 tzdata==2026.6

cat > "$folder/compare.py" <<'PYTHON'
import io
import json

import arro3.core
import arro3.io
import pyarrow as pa
import pyarrow.json

COLUMNS = {"time": pa.timestamp("ms", "UTC"), "double": pa.float64(), "int": pa.int64()}
VALUES = {
    "time": ["2023-10-10T23:59:59.9999999Z", "2023-10-10", "2023-10-10T10:00:00",
             "2023-10-10 10:00:00 Europe/Berlin", "2023-10-10T23:59:60Z", 1696932000000],
    "double": ["5", "NaN", "inf", "", True],
    "int": [4.25, 4.0, "4", "4.25"],
}


def rust(body, schema):
    reader = arro3.io.read_json(io.BytesIO(body), arro3.core.Schema.from_arrow(schema))
    return pa.table(reader.read_all())


def cpp(body, schema):
    options = pyarrow.json.ParseOptions(explicit_schema=schema)
    return pyarrow.json.read_json(io.BytesIO(body), parse_options=options)


def told(read, body, schema):
    try:
        return read(body, schema)["x"].cast(pa.string())[0].as_py()
    except Exception:
        return "refused"


for kind, values in VALUES.items():
    schema = pa.schema([("x", COLUMNS[kind])])
    for value in values:
        body = json.dumps({"x": value}).encode() + b"\n"
        print(kind, json.dumps(value), told(rust, body, schema), told(cpp, body, schema), sep=" | ")
PYTHON

found=$("$folder/venv/bin/python" "$folder/compare.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
time | "2023-10-10T23:59:59.9999999Z" | 2023-10-10 23:59:59.999Z | refused
time | "2023-10-10" | 2023-10-10 00:00:00.000Z | 2023-10-10 00:00:00.000Z
time | "2023-10-10T10:00:00" | 2023-10-10 10:00:00.000Z | 2023-10-10 10:00:00.000Z
time | "2023-10-10 10:00:00 Europe/Berlin" | 2023-10-10 08:00:00.000Z | refused
time | "2023-10-10T23:59:60Z" | 2023-10-11 00:00:00.000Z | refused
time | 1696932000000 | 2023-10-10 10:00:00.000Z | refused
double | "5" | 5 | refused
double | "NaN" | nan | refused
double | "inf" | inf | refused
double | "" | refused | refused
double | true | refused | refused
int | 4.25 | 4 | refused
int | 4.0 | 4 | refused
int | "4" | 4 | refused
int | "4.25" | refused | refused
SEEN
