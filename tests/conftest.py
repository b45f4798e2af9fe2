"""How every test runs: examples are drawn the same way each time, nothing is timed, and no test waits for a disk."""

import os
import shutil
from pathlib import Path

from hypothesis import HealthCheck, settings

# A busy machine is not a fault: an example may take as long as it takes.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

#: A folder in memory, where the platform has one. Most of a run's wall time would go into flushing small files to a disk,
#: and no test can cut the power: what a crash leaves is the same in memory.
MEMORY = Path("/dev/shm")
ROOM = 2 << 30

if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
