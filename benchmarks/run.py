"""Measure this SDK, and what it can be compared with, and write the figures into the documentation.

    python -m benchmarks.run [--quick] [--disciplines decode calls] [--clients aiohttp_orjson dify_sdk]

The peers are installed in `.venv/peers`. All clients talk to one server process and take turns. The results
are written to `docs/performance.json`, `docs/performance.md` and `docs/images/performance.svg`, unless a part
is left out: then they are printed only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import _environment, _race, _report, _svg, growth
from benchmarks._disciplines import DISCIPLINES
from benchmarks._environment import ROOT
from benchmarks._server import server
from benchmarks.clients import NAMES, OURS, load

DOCS: Final = ROOT / "docs"
_JSON: Final = "performance.json"
DRAWN: Final = (
    "decode",
    "calls",
    "calls_at_once",
    "fan_out",
    "blocking_stream",
    "blocking_calls",
    "first_text",
    "memory",
)


def picture(results: dict[str, Any]) -> str:
    """Draw the most important disciplines."""
    panels = []
    for name in DRAWN:
        discipline = results["disciplines"][name]
        bars = [
            _svg.Bar(
                load(client).TITLE,
                found.get("value"),
                _report.number(found["value"]) if "value" in found else "–",
                _svg.COLORS[client == OURS],
            )
            for client, found in discipline["clients"].items()
        ]
        panels.append(_svg.Panel(f"{discipline['title']} ({discipline['unit']})", bars))
    return _svg.bars("What each client takes, as bars: less is better", panels)


def soak(python: str, *, quick: bool) -> bool:
    """Run a short soak test. `make soak` runs a long one."""
    sizes = ["--runs", "500" if quick else "20000", "--events", "5000" if quick else "200000"]
    command = [python, "-m", "benchmarks.soak", *sizes]
    return subprocess.run(command, cwd=ROOT).returncode == 0  # noqa: PLW1510


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    every = [discipline.name for discipline in DISCIPLINES] + ["soak", "growth"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of little work: does it run?")
    parser.add_argument("--disciplines", nargs="+", choices=every, default=every, metavar="NAME")
    parser.add_argument("--clients", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--python", help="use this environment, and install nothing")
    parser.add_argument("--docs", type=Path, default=DOCS, help="write the results into this folder")
    parser.add_argument("--no-write", action="store_true", help="print the results only")
    parser.add_argument("--redraw", action="store_true", help="write the results of the last run again")
    chosen = parser.parse_args(arguments)
    partial = set(chosen.disciplines) != set(every) or set(chosen.clients) != set(NAMES)
    chosen.write = not (chosen.no_write or chosen.quick or partial)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks with the options of the command line."""
    chosen = _options(arguments)
    if chosen.redraw:
        write(json.loads((chosen.docs / _JSON).read_text("utf-8")), chosen.docs)
        return 0
    python = _environment.python(chosen.python)
    results: dict[str, Any] = {
        "machine": _environment.machine(),
        "versions": _environment.versions(python, chosen.clients),
        "clients": {name: load(name).TITLE for name in chosen.clients},
        "disciplines": {},
    }
    good = True
    with server(python) as base_url:
        for discipline in DISCIPLINES:
            if discipline.name in chosen.disciplines:
                rounds = _race.race(python, discipline, chosen.clients, base_url, quick=chosen.quick)
                found = _race.summary(discipline, rounds, chosen.clients)
                results["disciplines"][discipline.name] = found
                good &= _race.passes(found) or chosen.quick
    if "soak" in chosen.disciplines:
        good &= soak(python, quick=chosen.quick)
    if "growth" in chosen.disciplines:
        results["growth"] = growth.measure(python, quick=chosen.quick)
    print(f"\n{_report.tables(results)}\n")
    if chosen.write:
        write(results, chosen.docs)
    return 0 if good else 1


def write(results: dict[str, Any], docs: Path) -> None:
    """Write the figures, the table and the pictures into the documentation."""
    (docs / _JSON).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    _report.write_between(docs / "performance.md", "results", _report.tables(results))
    (docs / "images" / "performance.svg").write_text(picture(results), "utf-8")
    growth.write(results["growth"], docs)


if __name__ == "__main__":
    sys.exit(main())
