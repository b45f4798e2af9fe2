"""Where rows go: one module a family of destinations, each a row in `destination.SINKS`.

A sink keeps one of two contracts (`sink`): tables replace what they hold, lines only grow.

    destination ─▶ folder ◀─ formats (Parquet, CSV) ┐
        │          delta  ─▶ deltafolder ─▶ pins    ├─ day: one change of a day
        │          duckdb                           │  (tables only)
        ├────────▶ postgres                         │
        ├────────▶ objects ─▶ folder, hold, store   │
        └────────▶ jsonl  (file, stdout)            ┘
"""
