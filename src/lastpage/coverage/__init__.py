"""What a slice's account proves, and what a destination holds: complete, unproven or short.

The rules are pure and stand as tables at the top of their files; only `evidence` asks the API.

    answers ─▶ account ─▶ tally ─▶ read again, or a verdict ─▶ ranges (which version stays)
                            ▲                                     └─▶ verification (later, again)
                            └── evidence: what other slices saw
"""
