#!/usr/bin/env bash
# pyarrow 26.0.1, Python 3.11; default options but newlines_in_values, and pyarrow wrote the file itself.
#
# One would guess: the size of a block decides how much memory reading takes, not what is read; a text in
# quotes comes back byte by byte, as RFC 4180 has it, which allows CR and LF there.
# True: where a block ends between the CR and the LF of a text in quotes, the LF is gone and the CR stays.
# Nothing is told. A block is 1 MiB unless another size is asked for, so any file above that can be hit.
# It makes no difference whether the file is read whole or in a stream, with threads or without.
# Known upstream: issue 51368 of apache/arrow (open when this was written).
# Why it matters here: notes that agents type have CR LF on Windows. In a large export about one in a million
# of these is hit: no small test shows it, and the same text compares unequal on the next run, or loses its
# LF for good when the table is written again. To mend it: give pyarrow a file object whose read() never
# ends a block with CR.
#
# Seen: how many bytes the CR is away from the last byte of the first block; what each reader makes of the
# text (of the many x that lead it, one is shown).
#   -1  whole 'x\r\nend'  one thread 'x\r\nend'  stream 'x\r\nend'
#    0  whole 'x\rend'  one thread 'x\rend'  stream 'x\rend'
#    1  whole 'x\r\nend'  one thread 'x\r\nend'  stream 'x\r\nend'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q pyarrow==26.0.1

cat > "$folder/read.py" <<'PYTHON'
import io

import pyarrow as pa
import pyarrow.csv

BLOCK = 1024**2  # the default of ReadOptions
LINES = pyarrow.csv.ParseOptions(newlines_in_values=True)
READERS = {
    "whole": lambda file: pyarrow.csv.read_csv(file, parse_options=LINES),
    "one thread": lambda file: pyarrow.csv.read_csv(
        file, pyarrow.csv.ReadOptions(use_threads=False), LINES
    ),
    "stream": lambda file: pyarrow.csv.open_csv(file, parse_options=LINES).read_all(),
}


def written(text):
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table({"note": [text]}), file)
    return file.getvalue()


def end(read, body):
    """What is read, with one x for all that lead it."""
    return "x" + read(io.BytesIO(body))["note"][0].as_py().lstrip("x")


assert pyarrow.csv.ReadOptions().block_size == BLOCK
before = written("\r\nend").index(b"\r")
for away in (-1, 0, 1):
    text = "x" * (BLOCK - 1 - before + away) + "\r\nend"
    body = written(text)
    assert body.index(b"\r") == BLOCK - 1 + away
    print(f"{away:2}", *(f"{name} {end(read, body)!r}" for name, read in READERS.items()), sep="  ")
PYTHON

found=$("$folder/venv/bin/python" "$folder/read.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
-1  whole 'x\r\nend'  one thread 'x\r\nend'  stream 'x\r\nend'
 0  whole 'x\rend'  one thread 'x\rend'  stream 'x\rend'
 1  whole 'x\r\nend'  one thread 'x\r\nend'  stream 'x\r\nend'
SEEN
