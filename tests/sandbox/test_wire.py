"""What goes over the wire: headers, compression, prefixes, faults of the wire."""

import gzip
import json
import zlib
from typing import Any

import pytest
from tests.bare import DAY, DETAILS, Client

from lastpage_sandbox import Settings

QUERY = json.dumps({"interval": DAY}).encode()


def sent(
    client: Client, body: bytes = QUERY, path: str = f"{DETAILS}/query", **more: str
) -> tuple[int, dict[str, str], bytes]:
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/json",
        **more,
    }
    return client.box.request("POST", path, None, headers, body)


def test_headers() -> None:
    """1.2: the allowance, the correlation id, and what the edge adds."""
    _, headers, _ = sent(Client())
    assert {
        "inin-ratelimit-count",
        "inin-ratelimit-allowed",
        "inin-ratelimit-reset",
        "inin-correlation-id",
    } <= set(headers)
    assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["content-type"] == "application/json"
    assert headers["x-cache"] == "Miss from cloudfront"


def test_a_refused_token_has_no_allowance() -> None:
    """5.6: a 401 comes without rate-limit headers; elsewhere they can be switched off (11, row 15)."""
    client = Client()
    good, client.token = client.token, "unknown"
    status, headers, _ = sent(client)
    assert status == 401
    assert headers["x-cache"] == "Error from cloudfront"
    assert not any("ratelimit" in name for name in headers)
    client.token = good
    assert not any("ratelimit" in name for name in sent(Client(rate_headers=False))[1])


def test_the_429_names_its_limit() -> None:
    """1.8: the limit's key, namespace and value, which is that of this client."""
    client = Client(requests_per_minute=1)
    sent(client)
    status, headers, raw = sent(client)
    body = json.loads(raw)
    assert status == 429
    assert body["limit"] == {
        "key": "client.credentials.token.rate.per.minute",
        "namespace": "platform.api",
        "value": 1,
    }
    assert f"[{headers['retry-after']}] seconds" in body["message"]


@pytest.mark.parametrize("path", ["query", "jobs"])
def test_bodies_are_compressed_when_asked_for(path: str) -> None:
    """1.2: gzip, if the client can and the body is worth it; the content is the same."""
    client = Client()
    if path == "jobs":
        url, method, body = f"{DETAILS}/jobs/{client.submitted()}/results", "GET", b""
    else:
        url, method, body = f"{DETAILS}/query", "POST", QUERY
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    plain = client.box.request(method, url, None, headers, body)
    small = client.box.request(
        method, url, None, {**headers, "Accept-Encoding": "gzip, deflate"}, body
    )
    assert "content-encoding" not in plain[1]
    assert small[1]["content-encoding"] == "gzip"
    assert gzip.decompress(small[2]) == plain[2]
    assert len(small[2]) < len(plain[2]) / 3
    off = Client(gzip=False)
    assert "content-encoding" not in sent(off, **{"Accept-Encoding": "gzip"})[1]


def test_a_body_that_does_not_decode() -> None:
    """`bad-gzip` says gzip and is none, whatever the client accepts."""
    client = Client()
    client.box.faults.put("details.query", "bad-gzip")
    _, headers, body = sent(client)
    assert headers["content-encoding"] == "gzip"
    with pytest.raises((EOFError, zlib.error)):
        gzip.decompress(body)


def test_truncated_json() -> None:
    """`truncate-json`: a body that claims to be whole and is not JSON."""
    client = Client()
    client.box.faults.put("details.query", "truncate-json")
    status, _, body = sent(client)
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_drip_takes_its_time() -> None:
    """`drip-Ns`: the whole body, in N seconds."""
    client = Client()
    client.box.faults.put("details.query", "drip-5s")
    before = client.clock.at
    _, _, body = sent(client)
    assert json.loads(body)["totalHits"] > 0
    assert client.clock.at - before == pytest.approx(5, abs=0.6)


@pytest.mark.parametrize(
    ("more", "body", "status", "code"),
    [
        ({"Content-Type": "text/plain"}, QUERY, 415, "unsupported.media.type"),
        ({}, b"{", 400, "bad.request"),
        ({}, b"[]", 400, "bad.request"),
        ({}, b"\xff", 400, "bad.request"),
        ({}, b"", 400, "bad.request"),
        ({}, b"[" * 100_000, 400, "bad.request"),
        ({}, b" " * 512_001, 413, "request.entity.too.large"),
    ],
)
def test_bodies_that_are_none(more: Any, body: bytes, status: int, code: str) -> None:
    """1.8, 2: each with its status and code, in the usual body."""
    answered, headers, raw = sent(Client(), body, **more)
    answer = json.loads(raw)
    assert (answered, answer["code"], answer["status"]) == (status, code, status)
    assert answer["contextId"] == headers["inin-correlation-id"]


def test_prefixes() -> None:
    """A gateway's paths: each host has its own, and without it there is nothing."""
    client = Client()
    client.box.settings = Settings(login_prefix="/login", api_prefix="/gate/way")
    assert sent(client, path="/oauth/token")[0] == 404
    assert sent(client, path="/login/oauth/token")[0] == 400
    assert sent(client, path=f"/gate/way{DETAILS}/query")[0] == 200
    assert sent(client)[0] == 404
    assert sent(client, path=f"/login{DETAILS}/query")[0] == 404
