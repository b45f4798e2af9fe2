"""What was planned, asked, received and written, so that a crash costs one request.

The spool holds the answers as bytes; the ledger vouches for them, row by row.

    Slice, Request, Answer ─▶ ledger (SQLite: database, records) ─▶ what is left to do
                                 └─▶ spool (bytes)     ids (as digests)
"""
