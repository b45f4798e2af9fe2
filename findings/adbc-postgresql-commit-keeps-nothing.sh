#!/usr/bin/env bash
# adbc-driver-postgresql 1.13.0 with Debian's PostgreSQL 15, Python 3.11. A server is started in a temporary folder.
#
# One would guess: `commit()` of a transaction in which a statement failed raises, or keeps what had succeeded.
# True: it returns None, and nothing is kept. The server ends such a transaction by a rollback and says so
# in its answer to `COMMIT`, which is `ROLLBACK` and no error; the driver does not look at it.
# Why it matters here: a loader that passes over one failed row or table, and commits the rest, is told that
# all is well, and has stored none of it. So whoever commits has to know by himself that nothing failed.
#
# Seen: what happened, rows in the table afterwards.
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

cat > "$folder/commit.py" <<'PYTHON'
import sys
from contextlib import suppress

from adbc_driver_postgresql import dbapi

with dbapi.connect(f"postgresql://me@/postgres?host={sys.argv[1]}") as db, db.cursor() as cursor:
    cursor.execute("create table t (x bigint)")
    db.commit()
    for fails in (True, False):
        cursor.execute("insert into t values (1)")
        if fails:
            with suppress(dbapi.Error):
                cursor.execute("insert into t values (1/0)")
        said = db.commit()
        cursor.execute("select count(*) from t")
        what = "one failed" if fails else "none failed"
        print(what, f"commit says {said}", cursor.fetchone()[0], sep=" | ")
        db.rollback()
PYTHON

found=$("$folder/venv/bin/python" "$folder/commit.py" "$folder")
echo "$found"
diff <(echo "$found") - <<'SEEN'
one failed | commit says None | 0
none failed | commit says None | 1
SEEN
