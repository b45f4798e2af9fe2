"""`python -m lastpage`."""

from lastpage.cli import main

main()
