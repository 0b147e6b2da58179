"""``python -m bench [NAME...] [--json]``: run every benchmark of this folder, or the named ones, and print a table.

A benchmark is a module with ``async def measure() -> list[Figure]``.
"""

from __future__ import annotations

import asyncio
import json
import pkgutil
import sys
from dataclasses import asdict
from importlib import import_module

from rich.console import Console
from rich.table import Table

import bench
from bench.figure import Figure

NOT_BENCHMARKS = {"__main__", "figure"}


def main(arguments: list[str]) -> int:
    """Run and print; 2 when a name is not known."""
    known = sorted({module.name for module in pkgutil.iter_modules(bench.__path__)} - NOT_BENCHMARKS)
    chosen = [argument for argument in arguments if argument != "--json"] or known
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr)
        figures += asyncio.run(import_module(f"bench.{name}").measure())
    if "--json" in arguments:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return 0
    show(figures)
    return 0


def show(figures: list[Figure]) -> None:
    """Print a table."""
    table = Table("what", "value", "unit", "how")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,.2f}", figure.unit, figure.detail)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
