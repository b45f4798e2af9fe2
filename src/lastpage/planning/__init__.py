"""Which slices an interval is read in, and what that costs.

`slices` has the rules and is pure; `planner` asks the API what the rules need to know. `due` says
which parts of an interval need reading at all, and is pure, too.

    Query ─▶ planner ─▶ slices: Probe ─▶ (a count) ─▶ slices … ─▶ [Slice, Slice, …]
"""
