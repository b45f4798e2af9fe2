"""`make bench`: all benchmarks, one after the other."""

from benchmarks import memory, sandbox, speed

speed.main()
memory.main()
sandbox.main()
