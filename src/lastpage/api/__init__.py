"""The API as one function: a `Call` goes in, an `Answer` or an `ApiError` comes out.

    Call ─▶ client ─▶ pace ─▶ auth ─▶ transport ─▶ (network)
               ▲                          │
               └── responses ◀─ Answer ◀──┘   messages: Call, Answer, Page
                       └─▶ ApiError           organization, names: what is asked beside the rows

Nothing outside this package knows of sockets, tokens, rate limits or retries.
"""
