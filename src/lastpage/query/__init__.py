"""What is asked of which organisation, read from what people write and checked before it is sent.

    "2023-10"            ─▶ Interval ─┐
    --media, --query …   ─────────────┴▶ Query ─▶ filters ─▶ the body of a request
    GENESYS_… or the SDK ─▶ Credentials, Environment ─▶ hosts

Every wrong input ends here, in a `UsageError` that says how to write it.
"""
