"""What the doctor finds: each thing that can be wrong, in the line where it belongs, with what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from lastpage import Cloud, Credentials
from lastpage.api.messages import Answer, Call, TransportError
from lastpage.api.patience import SHORT_PATIENCE
from lastpage.clock import SimClock
from lastpage_sandbox import Settings
from tests.inprocess import NOW, URL, InProcess, World, world


def findings(made: World, **options: Any) -> dict[str, tuple[str, str]]:
    return {each.check: (each.state, each.text) for each in made.cloud(**options).doctor()}


def test_all_is_well() -> None:
    """Everything is ok, and of the conversations only one count is read."""
    made = world(retention_days=400, requests_per_minute=250)
    found = findings(made)
    assert {state for state, _ in found.values()} == {"ok"}
    assert list(found) == [
        *(
            "environment",
            "network",
            "credentials",
            "organization",
            "role",
            "clock",
            "watermark",
            "retention",
        ),
        *("names", "allowance"),
    ]
    assert "queues, users, wrap-up codes, divisions" in found["names"][1]
    assert "6.0 hours ago" in found["watermark"][1]
    assert "400 days" in found["retention"][1]
    assert "250 requests a minute" in found["allowance"][1]
    assert made.sandbox.counters["details.query"] == 1


def test_a_missing_permission() -> None:
    """The role is at fault: which permission, and where in the admin pages it is granted; nothing after it can be checked."""
    found = findings(world(permissions=frozenset()))
    state, text = found["role"]
    assert state == "failed"
    assert "analytics:conversationDetail:view" in text
    assert "Admin >" in text
    assert "watermark" not in found


def test_a_list_that_may_not_be_read() -> None:
    """Names are a help: lists without their permissions are one warning that names them, and nothing fails."""
    made = world(permissions=Settings().permissions - {"routing:queue:view", "directory:user:view"})
    found = made.cloud().doctor()
    (warning,) = [each.text for each in found if each.state == "warning"]
    assert warning.startswith(
        "queues, users have ids here and no names: "
        "the OAuth client's role lacks routing:queue:view, directory:user:view; grant that"
    )
    assert warning.count("Admin >") == 2
    assert "may read wrap-up codes, divisions" in [each.text for each in found]
    assert found[-1].check == "allowance"
    assert {each.exit_code for each in found} == {0}


def test_a_list_that_fails() -> None:
    """A list that cannot be read for another reason is a warning, too."""
    made = world()
    made.sandbox.faults.put("wrapupcodes", *["return-500"] * 60)
    (warning,) = [each for each in made.cloud().doctor() if each.state == "warning"]
    assert warning.check == "names"
    assert warning.text.startswith("the names of wrap-up codes could not be read: GET ")


def test_credentials_that_are_doubted() -> None:
    """A client id that is no UUID is a warning behind a URL; whether it is right, the login shows."""
    made = world()
    object.__setattr__(made.sandbox.settings, "client_id", "my-client")
    variables = {
        "GENESYS_CLIENT_ID": "my-client",
        "GENESYS_CLIENT_SECRET": made.sandbox.settings.client_secret,
        "GENESYS_ENVIRONMENT": URL,
    }
    cloud = Cloud.from_env(variables, transport=InProcess(made.sandbox), clock=made.clock)
    found = [(each.state, each.text) for each in cloud.doctor() if each.check == "credentials"]
    assert [state for state, _ in found] == ["warning", "ok"]
    assert "GENESYS_CLIENT_ID is not a client id" in found[0][1]
    assert {each.exit_code for each in cloud.doctor()} == {0}


def test_wrong_credentials() -> None:
    """A wrong secret is a failed check that names its variable."""
    made = world()
    client = made.sandbox.settings.client_id
    cloud = Cloud(
        Credentials(client, "wrong"), URL, transport=InProcess(made.sandbox), clock=made.clock
    )
    last = cloud.doctor()[-1]
    assert (last.check, last.state, last.exit_code) == ("credentials", "failed", 4)
    assert "GENESYS_CLIENT_SECRET" in last.text
    assert "wrong" not in last.text


@dataclass
class Cut:
    """A network with one way to fail."""

    fault: Any

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        raise TransportError(self.fault, "it does not work")


@pytest.mark.parametrize(
    ("fault", "fix"), [("connect", "HTTPS_PROXY"), ("tls", "certificate"), ("proxy", "NO_PROXY")]
)
def test_no_network(fault: str, fix: str) -> None:
    """Reachability, TLS and the proxy are the network's line."""
    last = world().cloud(transport=Cut(fault)).doctor()[-1]
    assert (last.check, last.state, last.exit_code) == ("network", "failed", 5)
    assert fix in last.text


def test_the_doctor_does_not_wait_long() -> None:
    """Where nothing answers for ten seconds, that is enough; a wait that the API announces is not waited for, if it is longer."""
    made = world()
    cloud = made.cloud(transport=Cut("connect"))
    began = made.clock.now()
    assert cloud.doctor()[-1].state == "failed"
    assert cloud.client.counts.requests >= 2
    assert SHORT_PATIENCE.trouble_s <= made.clock.now() - began < 30
    made.sandbox.faults.put("organization", "return-429-after:600")
    assert made.cloud().doctor()[-1].state == "failed"
    assert made.clock.now() - began < 30


def test_the_doctor_waits_for_a_moment() -> None:
    """Trouble of some seconds is no finding."""
    made = world()
    made.sandbox.faults.put("organization", *["return-503-after:0"] * 3)
    assert "failed" not in {state for state, _ in findings(made).values()}


def test_the_region_that_was_assumed() -> None:
    """Without a region in the variables, the doctor and a refused login say which one was assumed."""
    made = world()
    credentials = Credentials(made.sandbox.settings.client_id, "wrong")
    found = Cloud(credentials, transport=InProcess(made.sandbox), clock=made.clock).doctor()
    assert "us-east-1 (assumed, because GENESYS_ENVIRONMENT is not set)" in found[0].text
    assert "us-east-1 (assumed, because GENESYS_ENVIRONMENT is not set)" in found[-1].text
    found = Cloud(
        credentials, "us-east-1", transport=InProcess(made.sandbox), clock=made.clock
    ).doctor()
    assert "assumed" not in found[0].text + found[-1].text


def test_a_wrong_clock() -> None:
    """A machine whose clock is wrong still works, with a warning."""
    made = world()
    slow = SimClock((NOW - timedelta(hours=2)).timestamp())
    state, text = findings(made, clock=slow)["clock"]
    assert state == "warning"
    assert "behind the API" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"availability": "403"}, "unproven"),
        ({"watermark_lag_s": 90 * 3600.0}, "unusually far behind"),
    ],
)
def test_the_watermark(settings: dict[str, Any], words: str) -> None:
    """A watermark that is refused or far behind is a warning with its consequence."""
    state, text = findings(world(**settings))["watermark"]
    assert state == "warning"
    assert words in text


def test_the_proxys_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy with a password is named without it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy.example:8080")
    monkeypatch.delenv("NO_PROXY", raising=False)
    cloud = Cloud(
        Credentials("i", "s"), "eu-central-1", transport=Cut("proxy"), clock=SimClock(0.0)
    )
    printed = " ".join(each.text for each in cloud.doctor())
    assert "http://proxy.example:8080" in printed
    assert "hunter2" not in printed
