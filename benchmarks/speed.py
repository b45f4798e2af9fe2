"""How fast, and with how much memory: rendered job pages over loopback, into all tables as zstd
Parquet.

Everything is measured in one run, each row in processes of its own (`readers.py`), against the same
pages. Rows take turns, and so do builds, several times over; medians are told. With `--against`,
another build reads what this one does.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import urllib3

from benchmarks.builds import Build, builds, parser
from benchmarks.measured import COMPARED, Measured, measured, median
from benchmarks.pages import FEW, PAGE, PER_DAY, Extract
from benchmarks.replay import serving

#: Conversations: of the comparison, of what takes minutes for more.
SIZE, SLOW, SDK_SIZE = 200_000, 10_000, 3_000
ROUNDS = 3
ROWS = (
    ("lastpage", "lastpage, all tables as Parquet", SIZE),
    ("lastpage_lines", "lastpage, JSON lines, zstd", SIZE),
    ("official_sdk", "official SDK, a list", SDK_SIZE),
    ("requests_and_json", "requests + json, a list", SLOW),
    ("requests_and_pandas", "requests + pandas, Parquet, nested", SLOW),
    ("dlt", "dlt rest_api, tables as Parquet", SLOW),
    ("download_only", "limit: download only", SIZE),
    ("arro3_alone", "limit: arro3 alone, one core", PER_DAY),
    ("parse_only", "limit: parse as lastpage does, one core", PER_DAY),
)
#: Rows that are measured of every build.
OURS = ("lastpage", "lastpage_lines")
#: Goals, as ratios taken in this run.
TIMES_SDK, SHARE_OF_PARSE = 60.0, 0.5
VERSIONS = (
    "lastpage",
    "pyarrow",
    "arro3-io",
    "msgspec",
    "urllib3",
    "PureCloudPlatformClientV2",
    "requests",
    "pandas",
    "dlt",
)

#: By reader and build.
Found = dict[tuple[str, int], Measured]


def compared(url: str, measured_builds: Sequence[Build], rounds: int = ROUNDS) -> Found:
    """The medians of every row; a row that cannot be measured is missing."""
    runs: dict[tuple[str, int], list[Measured]] = {}
    missing: set[str] = set()
    for _ in range(rounds):
        for reader, _name, size in ROWS:
            of = measured_builds if reader in OURS else measured_builds[:1]
            for number, build in enumerate(of):
                if reader in missing:
                    continue
                if result := measured(build, reader, url, Extract(size)):
                    runs.setdefault((reader, number), []).append(result)
                else:
                    missing.add(reader)
    return {key: median(found) for key, found in runs.items()}


def table(found: Found) -> None:
    """What this build and the others did."""
    print(
        f"  {'':<40}{'conversations':>14}{'seconds':>9}{'a second':>10}"
        f"{'processor µs':>14}{'peak MiB':>10}"
    )
    for reader, name, _ in ROWS:
        if one := found.get((reader, 0)):
            print(
                f"  {name:<40}{one.conversations:>14,}{one.seconds:>9.1f}{one.rate:>10,.0f}"
                f"{one.processor_us:>14,.0f}{one.peak_mib:>10.0f}"
            )
        else:
            print(f"  {name:<40} not measured: its package is not installed, or it failed")


def starts(found: Found) -> None:
    """What each needs before it can begin."""
    print(f"\nStart-up: until the first {FEW} conversations can be read; stands in no row above")
    print(f"  {'':<40}{'seconds':>9}{'processor s':>13}")
    for reader, name, _ in ROWS:
        one = found.get((reader, 0))
        if one and not name.startswith("limit"):
            print(f"  {name:<40}{one.start_s:>9.2f}{one.start_processor_s:>13.2f}")


def against(found: Found, other: Build) -> None:
    """The two builds, side by side."""
    print(f"\nAgainst {other.name}\n  {'':<52}{'this build':>12}{'that build':>12}{'ratio':>8}")
    for reader, name, _ in ROWS:
        for what, value in COMPARED if reader in OURS else ():
            ours, theirs = (found.get((reader, number)) for number in (0, 1))
            if ours and theirs:
                told = f"{name.partition(',')[2].strip()}: {what}"
                pair = f"{value(ours):>12.1f}{value(theirs):>12.1f}"
                print(f"  {told:<52}{pair}{value(ours) / value(theirs):>8.2f}")


def verdicts(found: Found) -> None:
    """Goals, as ratios of this run."""
    print()
    ours = found["lastpage", 0]
    for reader, name in (("official_sdk", "the official SDK's loop"), ("dlt", "dlt")):
        if peer := found.get((reader, 0)):
            used = peer.processor_us / ours.processor_us
            print(f"  {used:.1f} times less processor than {name}")
    if sdk := found.get(("official_sdk", 0)):
        goal("times as fast as the official SDK's loop", ours.rate / sdk.rate, TIMES_SDK)
    if alone := found.get(("arro3_alone", 0)):
        goal("of what arro3 alone parses on one core", ours.rate / alone.rate, SHARE_OF_PARSE)
    if parsed := found.get(("parse_only", 0)):
        share = ours.rate / parsed.rate
        print(f"  {share:.2f} of what it parses on one core the way lastpage feeds it")


def goal(what: str, value: float, least: float) -> None:
    reached = "reached" if value >= least else "NOT reached"
    print(f"  {value:.2f} {what}; the goal of {least:g} is {reached}")


def machine() -> str:
    packages = ", ".join(map(_version, VERSIONS))
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {packages}"


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def page_size(url: str) -> str:
    """What a page weighs."""
    headers = {"Accept-Encoding": "gzip"}
    address = f"{Extract(PER_DAY).results(url)}?cursor=1"
    page = urllib3.request("GET", address, headers=headers, decode_content=False).data
    whole = len(gzip.decompress(page))
    return f"a page: {whole / 1e6:.1f} MB of JSON, {len(page) / 1e6:.1f} MB compressed"


def main(arguments: Sequence[str] = ()) -> None:
    chosen = builds(parser(__doc__).parse_args(arguments).against)
    print(f"Speed: rendered job pages of {PAGE:,} over loopback, medians of {ROUNDS}")
    print(f"  {machine()}")
    with serving(max(size for *_, size in ROWS) // PER_DAY) as url:
        print(f"  {page_size(url)}")
        found = compared(url, chosen)
    table(found)
    verdicts(found)
    starts(found)
    for other in chosen[1:]:
        against(found, other)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
