"""`make sim SEED=… RUNS=…`: seeds played one after the other; those that fail are printed at the end.

They are scenes of a fetch. With OF=daily, hourly or quarter-hourly they are years, months or days of a living organisation.
"""

import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.simulation import play, year


def main(first: int, runs: int, of: str = "") -> int:
    began = time.monotonic()
    failed = []
    for seed in range(first, first + runs):
        with tempfile.TemporaryDirectory() as folder:
            try:
                if of:
                    ends = year.play(seed, Path(folder), year.CADENCES[of]).ends
                    print(seed, ends, f"{time.monotonic() - began:.0f} s", flush=True)
                else:
                    play.play(seed, Path(folder))
            except AssertionError:
                failed.append(seed)
                traceback.print_exc(limit=None if runs == 1 else 0)
    print(
        f"{runs} seeds from {first} on in {time.monotonic() - began:.0f} s; failed: {failed or 'none'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
