"""Environments and credentials: what is set, and what to do where it is not."""

import pytest

from lastpage.errors import UsageError
from lastpage.query.credentials import Credentials, credentials_from_env
from lastpage.query.environment import REGIONS, parse_environment

GOOD = {
    "GENESYS_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "GENESYS_CLIENT_SECRET": "s3cret-Value_x",
}


@pytest.mark.parametrize(("region", "domain"), REGIONS.items())
def test_every_region(region: str, domain: str) -> None:
    """Each of the 18 regions is found by its name, its domain and its hosts; login and api are of the same domain."""
    for text in (
        region,
        domain,
        f"api.{domain}",
        f"login.{domain}",
        f"https://api.{domain}",
        f"https://apps.{domain}/",
        region.upper(),
    ):
        found = parse_environment(text)
        assert (found.name, found.login_url, found.api_url) == (
            region,
            f"https://login.{domain}",
            f"https://api.{domain}",
        )


def test_there_are_eighteen() -> None:
    """The vendor has 18 regions."""
    assert len(REGIONS) == len(set(REGIONS.values())) == 18


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8025",
        "http://localhost:8025/",
        "http://[::1]:8025",
        "https://gateway.example/genesys",
    ],
)
def test_urls(text: str) -> None:
    """A URL is taken as it is, login and api alike, with its path."""
    found = parse_environment(text)
    assert found.api_url == found.login_url == text.rstrip("/")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("us-east-9", "did you mean us-east-"),
        ("mypurecloud.con", "did you mean mypurecloud.com"),
        ("", "not an environment"),
        ("http://api.mypurecloud.de", "in clear"),
        ("ftp://api.mypurecloud.de", "not the URL of an API"),
        ("https://", "not the URL of an API"),
        ("https://me:secret@api.mypurecloud.de", "belong in"),
        ("me:secret@api.mypurecloud.de", "belong in"),
        ("ftp://me:secret@api.mypurecloud.de", "belong in"),
        ("http://127.0.0.1:port", "not the URL of an API"),
        ("http://127.0.0.1:99999", "not the URL of an API"),
        ("http://[::1", "not the URL of an API"),
        ("https://api.mypurecloud.de?x=1", "remove the rest"),
    ],
)
def test_no_environment(text: str, fix: str) -> None:
    """What is not an environment is refused with the fix, and the variable is named."""
    with pytest.raises(UsageError, match=fix) as refused:
        parse_environment(text)
    assert "GENESYS_ENVIRONMENT" in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_urls_of_the_vendor() -> None:
    """A URL from a browser means its region; another gateway's `api.` has a `login.`."""
    for text in (
        "https://apps.mypurecloud.de/directory",
        "https://api.mypurecloud.de/api/v2",
        "https://API.mypurecloud.de:443",
    ):
        assert parse_environment(text) == parse_environment("eu-central-1")
    other = parse_environment("https://API.genesys.example:8443/x/")
    assert other.api_url == "https://api.genesys.example:8443/x"
    assert other.login_url == "https://login.genesys.example:8443/x"


def test_credentials() -> None:
    """Three variables; the environment has a default, the secret is in no representation."""
    credentials, where = credentials_from_env(GOOD)
    assert where.name == "us-east-1"
    assert credentials == Credentials(GOOD["GENESYS_CLIENT_ID"], GOOD["GENESYS_CLIENT_SECRET"])
    assert GOOD["GENESYS_CLIENT_SECRET"] not in repr(credentials)
    assert (
        credentials_from_env({**GOOD, "GENESYS_ENVIRONMENT": "eu-central-1"})[1].name
        == "eu-central-1"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENESYS_CLIENT_ID", ""),
        ("GENESYS_CLIENT_SECRET", ""),
        ("GENESYS_CLIENT_ID", "my-client"),
        ("GENESYS_CLIENT_ID", "11111111222233334444555555555555"),
        ("GENESYS_CLIENT_ID", f'"{GOOD["GENESYS_CLIENT_ID"]}"'),
        ("GENESYS_CLIENT_SECRET", "abc\n"),
        ("GENESYS_CLIENT_SECRET", "abc def"),
        ("GENESYS_CLIENT_SECRET", "schlüssel"),
        ("GENESYS_ENVIRONMENT", "mars-1"),
    ],
)
def test_bad_variables(name: str, value: str) -> None:
    """A missing or malformed variable is named, and its value is never echoed if it is a secret."""
    with pytest.raises(UsageError, match=name) as refused:
        credentials_from_env({**GOOD, name: value})
    if name == "GENESYS_CLIENT_SECRET" and value:
        assert value.strip() not in str(refused.value)


def test_all_that_is_missing() -> None:
    """Every variable that is missing is named in one sentence."""
    with pytest.raises(
        UsageError, match="GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET are not set"
    ) as refused:
        credentials_from_env({"GENESYS_ENVIRONMENT": "mars-1"})
    assert "export GENESYS_CLIENT_ID=… GENESYS_CLIENT_SECRET=…" in str(refused.value)


@pytest.mark.parametrize("place", ["http://127.0.0.1:8025", "https://gateway.example/genesys"])
def test_an_id_that_is_no_uuid(place: str) -> None:
    """Behind a URL an id may be anything: it is doubted and taken; in the vendor's regions it is refused."""
    odd = {**GOOD, "GENESYS_CLIENT_ID": "my-client", "GENESYS_ENVIRONMENT": place}
    credentials, _ = credentials_from_env(odd)
    assert credentials == Credentials("my-client", GOOD["GENESYS_CLIENT_SECRET"])
    assert "GENESYS_CLIENT_ID is not a client id" in credentials.doubt
    assert "my-client" not in credentials.doubt
    assert credentials_from_env({**odd, **GOOD})[0].doubt == ""
    for region in ("eu-central-1", "https://api.mypurecloud.de"):
        with pytest.raises(UsageError, match="GENESYS_CLIENT_ID is not a client id"):
            credentials_from_env({**odd, "GENESYS_ENVIRONMENT": region})


def test_swapped_variables() -> None:
    """An id where the secret should be is recognised, and neither is echoed."""
    swapped = {
        "GENESYS_CLIENT_ID": GOOD["GENESYS_CLIENT_SECRET"],
        "GENESYS_CLIENT_SECRET": GOOD["GENESYS_CLIENT_ID"],
    }
    with pytest.raises(UsageError, match="swapped") as refused:
        credentials_from_env(swapped)
    assert GOOD["GENESYS_CLIENT_SECRET"] not in str(refused.value)
