"""``python -m finis``."""

from finis.cli.main import process

process()
