"""Where the stages meet: a query goes in, a destination is filled, a summary comes out.

Everything to the left of this package knows nothing of what follows it.

    delivery ─▶ run ─▶ attempt (one slice to its verdict: walks, ledger, coverage)
        ▲        └───▶ rows (settled slices, day by day) ─▶ sinks
        └── Cloud.fetch         verifier: the same again, to compare
"""
