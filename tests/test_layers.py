"""Modules import downwards only: the contract in pyproject.toml holds."""

from pathlib import Path

from importlinter.cli import lint_imports


def test_one_direction_of_flow() -> None:
    config = Path(__file__).parents[1] / "pyproject.toml"
    assert lint_imports(config_filename=str(config), no_cache=True) == 0
