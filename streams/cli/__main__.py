"""`python -m streams.cli`: how workers are started, whatever the PATH."""

from streams.cli.main import main

main()
