"""Those who read the same pages: what users have today, what no client can beat, and lastpage.

Each is a function from a server's URL and an extract to the conversations it has when it is done,
counted where it put them. `python -m benchmarks.readers NAME URL SIZE` runs one as a process that
measures itself: twice a few conversations, then what is asked for. So imports, which each does
where it needs them, stand outside the clock; what the first reading takes longer than the second,
with Python's own start, is its start-up.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.pages import DETAILS, FEW, PAGE, Extract

#: Conversations, with the seconds that count if those are not all.
Done = int | tuple[int, float]
#: Readings of the same pages by what the parser alone limits.
PASSES = 5
#: Names a folder to write to, for whoever looks at it meanwhile.
FOLDER = "LASTPAGE_BENCHMARK_FOLDER"
#: What the command calls first, to give memory back to the system; builds have it in two places.
COMMANDS_MEMORY = (("lastpage.cli.app", "return_memory"), ("lastpage.cli.memory", "thrifty"))


def lastpage(url: str, extract: Extract, to: str = "out") -> int:
    """All tables, checked and flushed. It waits for nothing: rendered jobs are done at once."""
    import pyarrow as pa

    from lastpage import Cloud, Credentials
    from lastpage.clock import RealClock

    class Unpaced(RealClock):
        def sleep(self, seconds: float) -> None:
            pass

    return_memory()
    pa.set_memory_pool(pa.system_memory_pool())  # the command sets it before Arrow is there
    with tempfile.TemporaryDirectory() as own:
        folder = own if extract.size == FEW else os.environ.get(FOLDER, own)
        cloud = Cloud(Credentials("client", "secret"), url, clock=Unpaced())
        summary = cloud.fetch(extract.interval, Path(folder) / to)
        assert summary.coverage == "complete", summary
        return summary.conversations


def return_memory() -> None:
    """As the command of this build does."""
    for module, name in COMMANDS_MEMORY:
        try:
            getattr(import_module(module), name)()
        except (ImportError, AttributeError):
            continue
        return


def lastpage_lines(url: str, extract: Extract) -> int:
    """The API's own records, compressed."""
    return lastpage(url, extract, "out.jsonl.zst")


def official_sdk(url: str, extract: Extract) -> int:
    """Its own loop over the results of a job, each page added to a list."""
    import PureCloudPlatformClientV2 as sdk  # noqa: N813

    sdk.configuration.host = url
    client = sdk.api_client.ApiClient().get_client_credentials_token("client", "secret")
    api, rows, cursor = sdk.AnalyticsApi(client), [], {}
    while True:
        page = api.get_analytics_conversations_details_job_results(
            extract.job, page_size=PAGE, **cursor
        )
        rows += page.conversations
        if not page.cursor:
            return len(rows)
        cursor = {"cursor": page.cursor}


def pages_by_requests(url: str, extract: Extract) -> Any:
    """What scripts do: requests, `.json()`, the next cursor."""
    import requests

    session, params = requests.Session(), {"pageSize": str(PAGE)}
    while True:
        answer = session.get(extract.results(url), params=params)
        answer.raise_for_status()
        page = answer.json()
        yield page["conversations"]
        if "cursor" not in page:
            return
        params["cursor"] = page["cursor"]


def requests_and_json(url: str, extract: Extract) -> int:
    """A list of dicts."""
    return len([row for page in pages_by_requests(url, extract) for row in page])


def requests_and_pandas(url: str, extract: Extract) -> int:
    """A file of Parquet for each page, by way of `json_normalize`; participants stay nested."""
    import pandas as pd
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages_by_requests(url, extract)):
            pd.json_normalize(page).to_parquet(f"{folder}/{number}.parquet", compression="zstd")
        return sum(pq.read_metadata(part).num_rows for part in Path(folder).iterdir())


def dlt(url: str, extract: Extract) -> int:
    """Its own source for REST APIs into a folder of Parquet; what is nested becomes tables.

    The way of writing is `merge`, as for what comes again; into Parquet without a table format,
    dlt appends instead, which is less work.
    """
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import dlt as library
    import pyarrow.parquet as pq
    from dlt.destinations import filesystem
    from dlt.sources.rest_api import rest_api_source

    pages = {"type": "cursor", "cursor_path": "cursor", "cursor_param": "cursor"}
    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": pages},
            "resources": [
                {
                    "name": "conversations",
                    "primary_key": "conversationId",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": f"{DETAILS.strip('/')}/jobs/{extract.job}/results",
                        "params": {"pageSize": PAGE},
                        "data_selector": "conversations",
                    },
                }
            ],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        pipeline = library.pipeline(
            "benchmark",
            pipelines_dir=f"{folder}/pipelines",
            destination=filesystem(f"{folder}/out"),
            dataset_name="all",
        )
        pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
        parts = Path(folder, "out", "all", "conversations").glob("*.parquet")
        return sum(pq.read_metadata(part).num_rows for part in parts)


def download_only(url: str, extract: Extract) -> int:
    """The pages as they come, still compressed, thrown away."""
    pages = bodies(url, extract, decode_content=False)
    first, stop = map(int, extract.job.split("-"))
    assert len(pages) == stop - first
    return extract.size


def arro3_alone(url: str, extract: Extract) -> Done:
    """arrow-rs as it comes, on one core: a page in memory to one record of it, by the same types;
    nothing else is done.
    """
    import arro3.core
    import arro3.io
    import pyarrow as pa

    from lastpage.tables.parse import record_type

    types = arro3.core.Schema.from_arrow(pa.schema([("conversations", pa.list_(record_type()))]))

    def whole(body: bytes) -> int:
        reader = arro3.io.read_json(BytesIO(body), types)
        return len(pa.RecordBatchReader.from_stream(reader).read_all()["conversations"][0])

    return on_one_core(whole, bodies(url, extract))


def parse_only(url: str, extract: Extract) -> Done:
    """The same as lastpage does it: records that were sliced out of the page before, a few hundred
    at a time.
    """
    from lastpage.api.messages import split_records
    from lastpage.tables.parse import parse

    pages = [split_records(body) for body in bodies(url, extract)]
    return on_one_core(lambda page: len(parse(page)), pages)


def bodies(url: str, extract: Extract, **options: Any) -> list[bytes]:
    """All pages of an extract; what is not kept is thrown away at once."""
    import urllib3

    ask = partial(
        urllib3.PoolManager().request, "GET", headers={"Accept-Encoding": "gzip"}, **options
    )
    first, stop = map(int, extract.job.split("-"))
    kept = not options
    found = []
    for page in range(first, stop):
        data = ask(f"{extract.results(url)}?cursor={page}").data
        found.append(data if kept else data[:0])
    return found


def on_one_core(work: Callable[[Any], int], pages: list[Any]) -> tuple[int, float]:
    """Conversations and processor seconds of several readings of the same pages, but of the first,
    which warms up.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    sum(map(work, pages))
    begun = time.process_time()
    rows = sum(work(page) for _ in range(PASSES) for page in pages)
    used_s = time.process_time() - begun
    if cores:
        os.sched_setaffinity(0, cores)
    return rows, used_s


READERS: dict[str, Callable[[str, Extract], Done]] = {
    reader.__name__: reader
    for reader in (
        lastpage,
        lastpage_lines,
        official_sdk,
        requests_and_json,
        requests_and_pandas,
        dlt,
        download_only,
        arro3_alone,
        parse_only,
    )
}


def processor_s() -> float:
    """Processor seconds of this process so far, of all its threads and children."""
    return sum(os.times()[:4])


def peak_mib() -> float:
    """Of this process alone: what `getrusage` says is at least what its parent had."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], Done]) -> tuple[Done, float, float]:
    """What it did, and its seconds: of the wall, and of the processor."""
    wall, processor = time.perf_counter(), processor_s()
    done = work()
    return done, time.perf_counter() - wall, processor_s() - processor


def measure(name: str, url: str, size: int, started: float) -> dict[str, float]:
    """Run a reader in this process, which began at this moment of the monotonic clock."""
    reader = READERS[name]
    few = partial(reader, url, Extract(FEW))
    few()
    begun_s, begun_processor_s = time.monotonic() - started, processor_s()
    _, again_s, again_processor_s = timed(few)
    done, seconds, used_s = timed(partial(reader, url, Extract(size)))
    if isinstance(done, tuple):
        done, used_s = done
        seconds = used_s
    return {
        "conversations": done,
        "seconds": seconds,
        "processor_s": used_s,
        "peak_mib": peak_mib(),
        "start_s": begun_s - again_s,
        "start_processor_s": begun_processor_s - again_processor_s,
    }


if __name__ == "__main__":
    _, name, url, size, started = sys.argv
    print(json.dumps(measure(name, url, int(size), float(started))))
