"""An interval into Parquet by four processes: each slice of a plan is a task, and a file a table.

Run it: python examples/processes.py 2023-10-01/2023-10-08 out

The same steps work on several machines: plan on one, send each the slices that are its, and have
the variables there, too. A task that is run again writes the same files again.
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

import lastpage
from lastpage import Cloud, LastpageError, Slice, UsageError

PROCESSES = 4
TABLES = ("conversations", "segments", "metrics")


@cache
def cloud() -> Cloud:
    """One client a process: its slices share a token, connections and a pace."""
    return Cloud.from_env()


def land(piece: Slice, folder: Path) -> int:
    """Read a slice in this process, all tables in one walk; what is whole gets its name."""
    names = {table: folder / table / f"{piece.interval.start:%Y%m%dT%H%M%S}" for table in TABLES}
    with ExitStack() as opened:
        files = {}
        for table, name in names.items():
            name.parent.mkdir(parents=True, exist_ok=True)
            writer = pq.ParquetWriter(name.with_suffix(".new"), lastpage.schema(table, unit="us"))
            files[table] = opened.enter_context(writer)
        rows = 0
        for table, batch in cloud().read(piece, TABLES, unit="us"):
            files[table].write_batch(batch)
            rows += batch.num_rows if table == "conversations" else 0
    for name in names.values():
        name.with_suffix(".new").replace(name.with_suffix(".parquet"))
    return rows


def main(*arguments: str) -> int:
    """Print how many conversations there are; the exit code is lastpage's own for an error."""
    if len(arguments) != 2:
        print("give an interval and a folder: 2023-10-01/2023-10-08 out", file=sys.stderr)
        return UsageError.exit_code
    interval, folder = arguments[0], Path(arguments[1])
    try:
        # More slices than processes, so that none waits long for the last one.
        plan = cloud().plan(interval, slices=2 * PROCESSES, processes=PROCESSES)
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            print(sum(pool.map(land, plan, [folder] * len(plan))), "conversations")
    except LastpageError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
