#!/usr/bin/env bash
# adbc-driver-postgresql 1.13.0 with Debian's PostgreSQL 15, Python 3.11. A server is started in a temporary folder.
#
# One would guess: `adbc_ingest(…, mode="append")` of a column into a table where that column has another
# type casts the values, as an insert does, or refuses.
# True: the copy is in PostgreSQL's binary format, written for the type of the Arrow column; the type of
# the table's column is not asked. Where both are of the same width, the server takes the bits for what they
# are not, and nothing is raised: 5 becomes 2.5e-323, or a moment of the year 2000. Where the widths differ,
# it refuses, with words about lengths and bytes.
# Why it matters here: somebody who makes a double of a bigint, since a report wants one, changes nothing by
# that for the rows that are there. From the next load on, each number is next to zero. So types have
# to be compared before an append, under a lock that keeps them from changing.
#
# Seen: the value and its type in Arrow, the type of the column, what the column holds then.
set -euo pipefail
folder=$(mktemp -d)
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)")
# A server is not to be started by the superuser.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
trap 'as "$bin/pg_ctl" -D "$folder/data" -m immediate stop > "$folder/stop" 2>&1 || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1
chmod 755 "$folder"
mkdir "$folder/data"
[ "$(id -u)" != 0 ] || chown postgres:postgres "$folder" "$folder/data"
cd /
as "$bin/initdb" -D "$folder/data" -U me --auth=trust -N -E UTF8 --locale=C > "$folder/init"
as "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -o "-F -k $folder -c listen_addresses=''" -w start > "$folder/start"

cat > "$folder/append.py" <<'PYTHON'
import sys

import pyarrow as pa
from adbc_driver_postgresql import dbapi

CASES = [
    (5, pa.int64(), "bigint"),
    (5, pa.int64(), "double precision"),
    (5, pa.int64(), "timestamp with time zone"),
    (4.75, pa.float64(), "bigint"),
    (5, pa.int32(), "real"),
    (5, pa.int32(), "date"),
    (5, pa.int64(), "integer"),
    (5, pa.int64(), "text"),
]

with dbapi.connect(f"postgresql://me@/postgres?host={sys.argv[1]}") as db, db.cursor() as cursor:
    cursor.execute("set time zone 'UTC'")
    db.commit()
    for value, arrow, type_ in CASES:
        cursor.execute(f"create table t (x {type_})")
        try:
            cursor.adbc_ingest("t", pa.table({"x": pa.array([value], arrow)}), mode="append")
            cursor.execute("select x::text from t")
            found = cursor.fetchone()[0]
        except dbapi.Error:
            found = "refused"
        print(value, arrow, type_, found, sep=" | ")
        db.rollback()
PYTHON

found=$("$folder/venv/bin/python" "$folder/append.py" "$folder")
echo "$found"
diff <(echo "$found") - <<'SEEN'
5 | int64 | bigint | 5
5 | int64 | double precision | 2.5e-323
5 | int64 | timestamp with time zone | 2000-01-01 00:00:00.000005+00
4.75 | double | bigint | 4617034042984890368
5 | int32 | real | 7e-45
5 | int32 | date | 2000-01-06
5 | int64 | integer | refused
5 | int64 | text | refused
SEEN
