#!/usr/bin/env bash
# obstore 0.12.1 for Python 3.11, with the stores that need no server.
#
# One would guess: `put` returns `e_tag` and `version`, and `put(mode=…)` takes a dict of `e_tag` and `version`; so
# what one put returned, or what `head` says, is the condition of the next (in Rust, the one is made from the other).
# True: where the store keeps no versions, `version` is None, and a None there is a TypeError. It has to be taken out
# of the dict; then the condition works. It is seen only where there are no versions: in a bucket of S3 with
# versioning (tried with moto 5.2.5), the same dict is taken as it is. LocalStore gives an `e_tag` as well, and knows
# no such condition at all: once the dict is right, it answers NotImplementedError.
# Known upstream: one search found no issue.
# Why it matters here: "overwrite only what I have read" is the one lock that an object store has, and the TypeError
# comes at the second write of a run, where the first one passed. Nothing is written then; but whoever mends it by
# leaving the mode out has no lock any more.
#
# Seen: the store, the condition, what comes of it, what is stored then.
#   memory | as returned | TypeError | one
#   memory | as head says | TypeError | one
#   memory | without None | written | two
#   memory | without None, again | PreconditionError | two
#   folder | as returned | TypeError | one
#   folder | as head says | TypeError | one
#   folder | without None | NotImplementedError | one
#   folder | without None, again | NotImplementedError | one
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q obstore==0.12.1

cat > "$folder/put.py" <<'PYTHON'
from tempfile import TemporaryDirectory

from obstore.store import LocalStore, MemoryStore


def told(store, condition, body):
    try:
        store.put("x", body, mode=condition)
    except Exception as problem:
        return type(problem).__name__
    return "written"


def tried(name, store):
    returned = store.put("x", b"one")
    short = {key: value for key, value in returned.items() if value is not None}
    conditions = {
        "as returned": returned,
        "as head says": store.head("x"),
        "without None": short,
        "without None, again": short,
    }
    bodies = b"zero", b"zero", b"two", b"three"
    for (kind, condition), body in zip(conditions.items(), bodies):
        answer = told(store, condition, body)
        print(name, kind, answer, bytes(store.get("x").bytes()).decode(), sep=" | ")


tried("memory", MemoryStore())
with TemporaryDirectory() as place:
    tried("folder", LocalStore(place))
PYTHON

found=$("$folder/venv/bin/python" "$folder/put.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
memory | as returned | TypeError | one
memory | as head says | TypeError | one
memory | without None | written | two
memory | without None, again | PreconditionError | two
folder | as returned | TypeError | one
folder | as head says | TypeError | one
folder | without None | NotImplementedError | one
folder | without None, again | NotImplementedError | one
SEEN
