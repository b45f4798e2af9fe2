"""`make bench`: all benchmarks, one after the other."""

from benchmarks import sandbox, speed, stages

speed.main()
stages.main()
sandbox.main()
