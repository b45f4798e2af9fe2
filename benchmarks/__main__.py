"""`make bench`: all benchmarks, one after the other.

`--against PATH` measures another build beside this one, where a benchmark can.
"""

import sys

from benchmarks import (
    bookkeeping,
    checkpoints,
    crowd,
    growth,
    paced,
    path,
    sandbox,
    speed,
    stages,
    startup,
    status,
)
from benchmarks.builds import builds, parser

GIVEN = sys.argv[1:]
# What is wrong with it is said before much time has passed.
builds(parser(__doc__).parse_args(GIVEN).against)

paced.main(GIVEN)
speed.main(GIVEN)
stages.main()
growth.main(GIVEN)
path.main(GIVEN)
startup.main(GIVEN)
status.main()
bookkeeping.main()
sandbox.main()
crowd.main()
checkpoints.main()
