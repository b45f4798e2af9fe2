"""The sandbox on a socket with strings planted in everything it answers: what is found of them elsewhere has leaked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lastpage_sandbox import Sandbox

#: Facts about people, which only the extract may have.
NAME, ATTRIBUTE, ANI, SUBJECT = (
    "Canary Person",
    "canary-attribute",
    "tel:+4915550001111",
    "canary-subject",
)
#: What the API says beside records.
MESSAGE, CONTEXT, HEADER, CURSOR = (
    "canary-message",
    "canary-context",
    "canary-header",
    "canarycursor",
)
ORGANISATION, CODE = "Canary Organisation", "canary.code"


class Planted:
    """Answers as the sandbox does, with strings planted; `refusal` is given instead to whatever path has its word in it."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.refusal: tuple[str, int, bytes] | None = None
        self.tokens: set[str] = set()
        self.jobs: set[str] = set()
        self.conversations: set[str] = set()

    def answer(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        if self.refusal and self.refusal[0] in parts.path:
            return self.refusal[1], {"Retry-After": "0"}, self.refusal[2]
        query = {name: value.removeprefix(CURSOR) for name, value in parse_qsl(parts.query)}
        status, answered, raw = self.box.request(method, parts.path, query, headers, body)
        return (
            status,
            dict(answered),
            json.dumps(self._planted(json.loads(raw))).encode() if raw else raw,
        )

    def _planted(self, body: Any) -> Any:
        self.tokens |= {body["access_token"]} if "access_token" in body else set()
        self.jobs |= {body["jobId"]} if "jobId" in body else set()
        if "cursor" in body:
            body["cursor"] = CURSOR + body["cursor"]
        if "thirdPartyOrgName" in body or set(body) >= {"id", "name"}:
            body["name"] = ORGANISATION
        for conversation in body.get("conversations") or ():
            self.conversations.add(conversation["conversationId"])
            for participant in conversation.get("participants") or ():
                participant |= {"participantName": NAME, "attributes": {ATTRIBUTE: NAME}}
                for session in participant.get("sessions") or ():
                    session |= {"ani": ANI, "addressFrom": ANI}
                    for segment in session.get("segments") or ():
                        segment["subject"] = SUBJECT
        return body

    @contextmanager
    def served(self) -> Iterator[str]:
        """On a port of this machine, which also plays the proxy that wants another password."""
        planted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() != "accept-encoding"
                }
                status, answered, raw = planted.answer(
                    self.command, self.path, headers, self.rfile.read(length)
                )
                self.send_response_only(status)
                kept = {
                    name: value for name, value in answered.items() if name.lower() not in UNKEPT
                }
                for name, value in {
                    **kept,
                    "X-Planted": HEADER,
                    "Server": HEADER,
                    "Content-Length": len(raw),
                }.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(raw)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's names

            def do_CONNECT(self) -> None:
                self.send_response_only(407)
                self.send_header("Proxy-Authenticate", f'Basic realm="{HEADER}"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


UNKEPT = {"content-length", "transfer-encoding", "content-encoding", "connection", "server"}


def refusal(code: str = CODE) -> bytes:
    """An error body whose every text is planted."""
    params = {"value": MESSAGE, "permissions": f"[{MESSAGE}]"}
    return json.dumps(
        {"code": code, "message": MESSAGE, "contextId": CONTEXT, "messageParams": params}
    ).encode()
