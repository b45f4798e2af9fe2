#!/usr/bin/env bash
# obstore 0.12.1 (the crate object_store), Python 3.11, with a small server on loopback in place of S3.
#
# One would guess: an S3Store that was made with all its settings, and nothing said of conditions, has the default,
# which is that conditions are sent (`If-None-Match`, `If-Match`); its `config` says what it was made of.
# True: each S3Store reads the variables of the environment as well. With AWS_CONDITIONAL_PUT=disabled,
# `put(mode="create")` and a put on an e_tag raise NotImplementedError, and nothing is sent; a plain put still
# overwrites. `config` is the same with and without the variable. What is given in code wins:
# `S3Store(…, conditional_put="etag")`. No condition is dropped silently: an object that is there stays (seen with
# moto 5.2.5 as well).
# Known upstream: the setting is meant for servers that ignore the headers (apache/arrow-rs#7181); of the variable
# reaching a store that was made in code, no issue was found.
# Why it matters here: LocalStore answers with NotImplementedError, too, where it has no such condition; a program
# that takes this for "this store cannot" and goes on with a plain put then overwrites in S3, on this machine alone.
#
# Seen: the variable, the setting in code, what `config` has of it; below, each put, its answer, the condition that
# was sent. As at the end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q obstore==0.12.1

cat > "$folder/put.py" <<'PYTHON'
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from obstore.store import S3Store

sent = []


class Server(BaseHTTPRequestHandler):
    """A bucket where each object is there already, with another e_tag."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked = [name for name in ("If-None-Match", "If-Match") if name in self.headers]
        sent.append(asked[0] if asked else "none")
        self.send_response(412 if asked else 200)
        self.send_header("ETag", '"new"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def told(store, mode):
    sent.clear()
    try:
        store.put("x", b"text", mode=mode)
    except Exception as problem:
        return type(problem).__name__
    return "written"


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
made = {
    "endpoint": f"http://127.0.0.1:{server.server_port}",
    "region": "us-east-1",
    "access_key_id": "someone",
    "secret_access_key": "something",
    "client_options": {"allow_http": True},
}
for variable, code in [(None, {}), ("disabled", {}), ("disabled", {"conditional_put": "etag"})]:
    os.environ.pop("AWS_CONDITIONAL_PUT", None)
    if variable:
        os.environ["AWS_CONDITIONAL_PUT"] = variable
    store = S3Store("bucket", **made, **code)
    config = store.config.get("conditional_put")
    print(f"variable: {variable} | code: {code.get('conditional_put')} | config: {config}")
    for name, mode in {"create": "create", "e_tag": {"e_tag": '"old"'}, "plain": "overwrite"}.items():
        answer = told(store, mode)
        print(f"  {name} | {answer} | {sent[0] if sent else 'nothing sent'}")
PYTHON

found=$(env -u AWS_CONDITIONAL_PUT "$folder/venv/bin/python" "$folder/put.py")
echo "$found"
diff <(echo "$found") - <<'SEEN'
variable: None | code: None | config: None
  create | AlreadyExistsError | If-None-Match
  e_tag | PreconditionError | If-Match
  plain | written | none
variable: disabled | code: None | config: None
  create | NotImplementedError | nothing sent
  e_tag | NotImplementedError | nothing sent
  plain | written | none
variable: disabled | code: etag | config: etag
  create | AlreadyExistsError | If-None-Match
  e_tag | PreconditionError | If-Match
  plain | written | none
SEEN
