"""The command line: `zelo demo | up | worker | import | migrate | topics | doctor | config | dead-letters | replay`."""

from streams.cli.main import main

__all__ = ["main"]
