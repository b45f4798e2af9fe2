"""`make bench`: all benchmarks, one after the other."""

from benchmarks import memory, sandbox

memory.main()
sandbox.main()
