"""Where the stages meet: a query goes in, a destination is filled, a summary comes out.

Everything to the left of this package knows nothing of what follows it.

    delivery ─▶ run ─▶ settling (one slice to its verdict) ─▶ attempt (one walk of it)
        ▲        ├───▶ otherwise (a job that lacks rows, by page numbers)
        │        └───▶ rows (settled slices, day by day) ─▶ sinks
        └── Cloud.fetch         verifier: the same again, to compare
"""
