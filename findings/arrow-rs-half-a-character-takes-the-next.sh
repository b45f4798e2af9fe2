#!/usr/bin/env bash
# arro3-io and arro3-core 0.5.1 (the JSON reader of arrow-rs) beside 0.9.1, Python 3.11.
#
# One would guess: the escape of half a character (an unpaired surrogate, which the grammar of JSON allows) is
# refused, or becomes U+FFFD, and what follows it stays.
# True: 0.5.1 refuses it only where no escape of a code follows. Where a letter follows as such an escape, it
# takes the two for a pair without looking at the second: half an emoji and "…" become one bird, half an
# emoji and "A" an eye. The text is valid, and nothing tells of the lost letter. 0.9.1 refuses each of these
# (0.6.1 does, too), since the arithmetic got a check; what it made of such texts before is not told.
# Why it matters here: systems cut a subject or a display name after so many UTF-16 units, in the middle of an
# emoji as well, and add "…"; writers of JSON that escape all but ASCII then send exactly this. A stored
# table has a wrong name that nothing marks, and no later run can tell it from a right one. Refused is
# better: the record can be found and set aside.
#
# Seen: the version, the text in JSON, the text in Arrow (in ASCII).
#   0.5.1 | Happy \ud83d\ude00 | 'Happy \U0001f600'
#   0.5.1 | Happy \ud83d | refused
#   0.5.1 | Happy \ud83d day | refused
#   0.5.1 | Happy \ud83d\u2026 | 'Happy \U0001f426'
#   0.5.1 | Happy \ud83d\u0041 | 'Happy \U0001f441'
#   0.5.1 | Happy \ud83d\u00e9t\u00e9 | 'Happy \U0001f4e9t\xe9'
#   0.9.1 | Happy \ud83d\ude00 | 'Happy \U0001f600'
#   0.9.1 | the five others | refused
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/0.5.1"
"$folder/0.5.1/bin/python" -m pip install -q arro3-io==0.5.1 arro3-core==0.5.1
python3 -m venv "$folder/0.9.1"
"$folder/0.9.1/bin/python" -m pip install -q arro3-io==0.9.1 arro3-core==0.9.1

cat > "$folder/read.py" <<'PYTHON'
import io
import sys

from arro3.core import DataType, Field, Schema
from arro3.io import read_json

SCHEMA = Schema([Field("x", DataType.utf8())])
TEXTS = [
    r"Happy \ud83d\ude00",
    r"Happy \ud83d",
    r"Happy \ud83d day",
    r"Happy \ud83d\u2026",
    r"Happy \ud83d\u0041",
    r"Happy \ud83d\u00e9t\u00e9",
]


def told(text):
    body = f'{{"x":"{text}"}}\n'.encode("ascii")
    try:
        return ascii(read_json(io.BytesIO(body), SCHEMA).read_all()["x"][0].as_py())
    except Exception:
        return "refused"


for text in TEXTS:
    print(sys.argv[1], text, told(text), sep=" | ")
PYTHON

found=$(for version in 0.5.1 0.9.1; do "$folder/$version/bin/python" "$folder/read.py" $version; done)
echo "$found"
diff <(echo "$found") - <<'SEEN'
0.5.1 | Happy \ud83d\ude00 | 'Happy \U0001f600'
0.5.1 | Happy \ud83d | refused
0.5.1 | Happy \ud83d day | refused
0.5.1 | Happy \ud83d\u2026 | 'Happy \U0001f426'
0.5.1 | Happy \ud83d\u0041 | 'Happy \U0001f441'
0.5.1 | Happy \ud83d\u00e9t\u00e9 | 'Happy \U0001f4e9t\xe9'
0.9.1 | Happy \ud83d\ude00 | 'Happy \U0001f600'
0.9.1 | Happy \ud83d | refused
0.9.1 | Happy \ud83d day | refused
0.9.1 | Happy \ud83d\u2026 | refused
0.9.1 | Happy \ud83d\u0041 | refused
0.9.1 | Happy \ud83d\u00e9t\u00e9 | refused
SEEN
