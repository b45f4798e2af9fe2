#!/usr/bin/env bash
# arro3-io and arro3-core 0.9.1 (the JSON reader of arrow-rs) with pyarrow 26.0.1, Python 3.11.
#
# One would guess: a parser in Rust lets go of Python's lock while it parses, so that threads parse side by side; and
# who hands it a file object instead of bytes gives that up, since each read needs the lock.
# True: it depends on who asks for the batches, not on what is read. Arro3's own `read_all()` and a loop over the
# reader keep the lock from the first byte to the last, of bytes as of a file object: no other thread gets a turn.
# pyarrow, given the same reader as a stream, lets go of it, and the others run. A file object is read 8 KiB at a
# time, by a call of its `read` each, however large the batches are; other threads get their turns all the same.
# Known upstream: one search found no issue.
# Why it matters here: whoever parses the pages of an export in threads with arro3 alone has the speed of one thread,
# and the threads that ask for the next pages stand still as long. `RecordBatchReader.from_stream(reader)` is enough
# to mend it.
#
# Seen: what is read, who asks; turns of another thread meanwhile (some is more than 50: it was 0 to 4, or over 1,400);
# calls of `read`.
#   bytes | arro3, read_all | none | 0
#   bytes | arro3, a loop | none | 0
#   bytes | pyarrow, read_all | some | 0
#   file object | arro3, read_all | none | 4641
#   file object | arro3, a loop | none | 4641
#   file object | pyarrow, read_all | some | 4641
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q arro3-io==0.9.1 arro3-core==0.9.1 pyarrow==26.0.1

cat > "$folder/turns.py" <<'PYTHON'
import io
import sys
import threading
import time

import pyarrow as pa
from arro3.core import DataType, Field, Schema
from arro3.io import read_json

SCHEMA = Schema([Field("x", DataType.utf8())])
BODY = b'{"x": "%s"}\n' % (b"a" * 28) * 1_000_000


class Counting(io.BytesIO):
    reads = 0

    def read(self, size=-1):
        Counting.reads += 1
        return super().read(size)


class Other(threading.Thread):
    """It takes a turn whenever it gets the lock, and gives it back at once."""

    turns, over = 0, False

    def run(self):
        while not self.over:
            self.turns += 1
            time.sleep(0)


def measured(ask, source):
    reader = read_json(source, SCHEMA)
    other, Counting.reads = Other(), 0
    other.start()
    time.sleep(0.01)
    before = other.turns
    ask(reader)
    turns = other.turns - before
    other.over = True
    other.join()
    return "some" if turns > 50 else "none", Counting.reads


# Nobody is made to give the lock away: a turn means that it was let go.
sys.setswitchinterval(1000)
ASKING = {
    "arro3, read_all": lambda reader: reader.read_all(),
    "arro3, a loop": lambda reader: [batch.num_rows for batch in reader],
    "pyarrow, read_all": lambda reader: pa.RecordBatchReader.from_stream(reader).read_all(),
}
for name, source in {"bytes": bytes, "file object": Counting}.items():
    for who, ask in ASKING.items():
        print(name, who, *measured(ask, source(BODY)), sep=" | ")
PYTHON

found=$("$folder/venv/bin/python" "$folder/turns.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
bytes | arro3, read_all | none | 0
bytes | arro3, a loop | none | 0
bytes | pyarrow, read_all | some | 0
file object | arro3, read_all | none | 4641
file object | arro3, a loop | none | 4641
file object | pyarrow, read_all | some | 4641
SEEN
