"""The fixture that other projects use, in test runs of its own."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

WITH_IT = """
    import urllib.request
    import pytest

    pytestmark = pytest.mark.genesys_sandbox(per_day=50, now="2023-10-20T15:30:00Z", rate=0)

    def test_it_listens(genesys_sandbox):
        assert genesys_sandbox.url.startswith("http://127.0.0.1:")
        clock = urllib.request.urlopen(genesys_sandbox.url + "/_sandbox/clock").read()
        assert b"2023-10-20T15:30:00.000Z" in clock
        assert genesys_sandbox.env == {
            "GENESYS_CLIENT_ID": genesys_sandbox.client_id,
            "GENESYS_CLIENT_SECRET": genesys_sandbox.client_secret,
            "GENESYS_ENVIRONMENT": genesys_sandbox.url,
        }
        genesys_sandbox.sandbox.faults.put("token", "return-503")

    @pytest.mark.genesys_sandbox(per_day=70, seed=4)
    def test_each_test_has_its_own(genesys_sandbox):
        assert genesys_sandbox.sandbox.faults.pending == {}
        assert (genesys_sandbox.sandbox.settings.per_day, genesys_sandbox.sandbox.settings.seed) == (70, 4)
        assert genesys_sandbox.sandbox.clock.rate == 0
"""
WITHOUT_IT = """
    import sys

    def test_nothing_is_imported():
        assert not [name for name in ("lastpage_sandbox.app", "werkzeug", "cheroot", "lastpage") if name in sys.modules]
"""
#: The entry point makes `-p` needless where lastpage is installed; tests do not depend on how it was.
LOADED = ("-p", "lastpage_sandbox.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers")


@pytest.fixture
def runner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_the_fixture(runner: pytest.Pytester) -> None:
    """A server for each test, made as the marks say, the nearest last; with what a client needs to log in."""
    runner.makepyfile(WITH_IT)
    runner.runpytest_subprocess(*LOADED).assert_outcomes(passed=2)


def test_who_does_not_use_it_does_not_pay(runner: pytest.Pytester) -> None:
    """Loading the plugin imports nothing of the sandbox, nor what it stands on."""
    runner.makepyfile(WITHOUT_IT)
    runner.runpytest_subprocess(*LOADED).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("shoe=41", "shoe"),
        ("per_day=-1", "per_day cannot be -1"),
        ('now="noon"', "'noon' is no date and time"),
    ],
)
def test_bad_marks(runner: pytest.Pytester, mark: str, says: str) -> None:
    """A mark that means nothing is an error of the test that names it."""
    runner.makepyfile(
        f"import pytest\n@pytest.mark.genesys_sandbox({mark})\ndef test_it(genesys_sandbox):\n    assert False\n"
    )
    result = runner.runpytest_subprocess(*LOADED)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{says}*"])


def test_pytest_finds_it() -> None:
    """The package declares the plugin, so that installing it is enough."""
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (module,) = declared["project"]["entry-points"]["pytest11"].values()
    assert hasattr(import_module(module), "genesys_sandbox")
