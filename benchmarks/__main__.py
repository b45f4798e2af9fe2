"""`make bench`: all benchmarks, one after the other."""

from benchmarks import memory

memory.main()
