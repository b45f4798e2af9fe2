"""`python -m lastpage`."""

from lastpage.cli.app import main

main()
