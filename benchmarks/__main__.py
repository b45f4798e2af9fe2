"""`make bench`: all benchmarks, one after the other.

`--against PATH` measures another build beside this one, where a benchmark can.
"""

import sys

from benchmarks import (
    bookkeeping,
    checkpoints,
    crowd,
    growth,
    pace,
    path,
    sandbox,
    speed,
    stages,
    startup,
    status,
)
from benchmarks.builds import builds, parser

GIVEN = sys.argv[1:]
builds(
    parser(__doc__).parse_args(GIVEN).against
)  # what is wrong with it is said before an hour has passed

speed.main(GIVEN)
stages.main()
growth.main(GIVEN)
bookkeeping.main()
path.main(GIVEN)
pace.main(GIVEN)
startup.main(GIVEN)
status.main()
sandbox.main()
crowd.main()
checkpoints.main()
