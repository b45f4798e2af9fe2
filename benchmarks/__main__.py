"""`make bench`: all benchmarks, one after the other."""

from benchmarks import checkpoints, crowd, path, sandbox, speed, stages, startup, status

path.main()
startup.main()
status.main()
speed.main()
stages.main()
sandbox.main()
crowd.main()
checkpoints.main()
