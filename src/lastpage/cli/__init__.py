"""The command line: each verb is one call of `Cloud`. Its module is imported when it is used.

    app ─▶ commands, status, sandbox ─▶ options (what is typed)  ─▶ Cloud
     └ errors: one sentence             output (what is printed) ◀─┘

`debugging` writes the trace of `--debug FILE`; `streams` has the rule for a stdout or
stderr that is lost.
"""
