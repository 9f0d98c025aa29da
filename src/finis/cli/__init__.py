"""The command line: ``finis COMMAND PATH…``."""

from finis.cli.main import main

__all__ = ["main"]
