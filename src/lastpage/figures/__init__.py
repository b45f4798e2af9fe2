"""A queue report: the figures of `tables/figures.py`, counted over whatever a destination holds.

level.py   the service level: its formula, its switches
cells.py   a destination ─▶ DuckDB in memory, a start day at a time ─▶ cells
days.py    what a destination has recorded ─▶ days with their verdicts, and holes
sample.py  the longest waits ─▶ conversations as timelines
report.py  cells ─▶ a table, CSV, and what has to be said of them
page.py    a report ─▶ one HTML page (report.html, report.css, report.js)
"""
