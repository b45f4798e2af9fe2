"""`make bench`: all benchmarks, one after the other."""

from benchmarks import checkpoints, crowd, path, sandbox, speed, stages, startup

path.main()
startup.main()
speed.main()
stages.main()
sandbox.main()
crowd.main()
checkpoints.main()
