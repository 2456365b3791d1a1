"""Measure how the cost grows with the number of streams and of events, until a process is full.

    python -m benchmarks.growth [--quick]

A client follows 1 to 2,000 streams at once, each with 1 to 200 events per second, on one core; the server
has another core. Each event carries the time at which it was sent. `benchmarks.run` does the same, and writes
the results into the documentation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import _environment, _report, _svg
from benchmarks._environment import ROOT
from benchmarks._server import server
from benchmarks.clients import BASELINE, OURS

STREAMS: Final = (1, 10, 100, 500, 1_000, 2_000)
RATES: Final = (1, 10, 50, 200)
_MANY: Final = 500
"""The pictures show the measurements of so many streams and more."""
RUNNERS: Final = {
    "aiohttp + orjson": (BASELINE, "asyncio"),
    "dify_async": (OURS, "asyncio"),
    "dify_async, uvloop": (OURS, "uvloop"),
}
FULL: Final = 0.95
"""A process is full if it uses this share of its core: then events wait for each other."""
_ALL: Final = 0.95
"""If a smaller share of the events arrives in time, the load is too much for the client or for the server."""

Cell = dict[str, Any]


def _start(python: str, runner: str, *arguments: object) -> subprocess.Popen[str]:
    client, loop, *rest = (*RUNNERS[runner], *map(str, arguments))
    command = [python, "-m", "benchmarks._growth_worker", client, loop, *rest]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str]) -> Cell:
    output, _ = process.communicate(timeout=120)
    if process.returncode != 0:
        sys.exit("failed: a process of the growth benchmark")
    found: Cell = json.loads(output)
    return found


def grid(python: str, runner: str, base_url: str, *, quick: bool) -> Iterator[Cell]:
    """Yield the measurements of one client; loads above one that was too much are left out."""
    seconds = 0.5 if quick else 2
    too_much = float("inf")
    for streams in STREAMS[:3] if quick else STREAMS:
        for rate in RATES[-2:] if quick else RATES:
            if streams * rate > too_much:
                continue
            found = _result(_start(python, runner, base_url, streams, rate, seconds, 0))
            if found["arrived"] < _ALL * streams * rate:
                too_much = min(too_much, streams * rate)
            yield {"streams": streams, "rate": rate, **found}


def limits(cells: Sequence[Cell]) -> dict[str, int | None]:
    """Return the events per second at which a process is full, or None, and the most that arrived."""
    full = [cell["offered"] for cell in cells if cell["cpu"] >= FULL]
    return {
        "full": min(full, default=None),
        "most": max(cell["arrived"] for cell in cells),
    }


def split(python: str, base_url: str, *, quick: bool) -> Iterator[Cell]:
    """Yield the events per second of one and of two processes, which read as fast as they can."""
    events = 20_000 if quick else 200_000
    for number in 1, 2:
        runs = [_read_at_once(python, base_url, number, events) for _ in range(1 if quick else 4)]
        runs.sort(key=lambda run: run["events per second"])
        yield {"processes": number, **runs[len(runs) // 2]}


def _read_at_once(python: str, base_url: str, number: int, events: int) -> Cell:
    command = [python, "-m", "benchmarks._worker", "decode", OURS, base_url, str(events)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(number)
    ]
    found = [_result(process) for process in processes]
    return {
        "events per second": round(sum(events / one["wall"] for one in found)),
        "cpu per event": round(sum(one["value"] for one in found) / number, 2),
    }


def on_dask(python: str, base_url: str, *, quick: bool) -> dict[str, Any]:
    """Return the rows per second of `run_many`, and of `map_runs` on two workers."""
    command = [python, "-m", "benchmarks._dask_worker", base_url, "100" if quick else "2000"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(python: str, *, quick: bool) -> dict[str, Any]:
    """Measure everything, and print it on the way."""
    cells: dict[str, list[Cell]] = {}
    with server(python, core=(os.cpu_count() or 1) - 1) as base_url:
        for runner in RUNNERS:
            cells[runner] = []
            for cell in grid(python, runner, base_url, quick=quick):
                cells[runner].append(cell)
                print(f"{runner}: {cell}", flush=True)
    found: dict[str, Any] = {
        "cells": cells,
        "limits": {runner: limits(cells[runner]) for runner in RUNNERS},
    }
    with server(python) as base_url:
        found["split"] = list(split(python, base_url, quick=quick))
        found["dask"] = on_dask(python, base_url, quick=quick)
    print(tables(found))
    return found


# Reporting


def tables(found: dict[str, Any]) -> str:
    """Return the figures as tables."""
    parts = (_cells_table(found), _limits_table(found), _split_table(found), _dask_table(found))
    return "\n\n".join("\n".join(part) for part in parts)


def _cells_table(found: dict[str, Any]) -> Iterator[str]:
    heads = [f"{rate} /s" for rate in RATES]
    yield f"| Streams | Events per second of each: | {' | '.join(heads)} |"
    yield f"|---:|---|{'---:|' * len(heads)}"
    for streams in STREAMS:
        for runner, cells in found["cells"].items():
            by_rate = {cell["rate"]: cell for cell in cells if cell["streams"] == streams}
            shown = [_cell(by_rate[rate]) if rate in by_rate else "–" for rate in RATES]
            if by_rate:
                yield f"| {streams:,} | {runner} | {' | '.join(shown)} |"


def _cell(cell: Cell) -> str:
    share = f"{cell['cpu'] * 100:.0f} %" if cell["cpu"] >= 0.1 else f"{cell['cpu'] * 100:.1f} %"
    delays = f"{_report.number(cell['p50'])} / {_report.number(cell['p99'])}"
    return f"{share}<br>{delays}".replace(" ", "\u00a0")


def _limits_table(found: dict[str, Any]) -> Iterator[str]:
    yield "| | Full at, events/s | Most that arrived, events/s |"
    yield "|---|---:|---:|"
    for runner, reached in found["limits"].items():
        cells = ["not reached" if value is None else f"{value:,}" for value in reached.values()]
        yield f"| {runner} | {' | '.join(cells)} |"


def _dask_table(found: dict[str, Any]) -> Iterator[str]:
    yield "| | Rows/s |"
    yield "|---|---:|"
    yield f"| `run_many`, one process | {found['dask']['run_many']:,} |"
    yield f"| `map_runs`, two workers of a local Dask cluster | {found['dask']['map_runs']:,} |"


def _split_table(found: dict[str, Any]) -> Iterator[str]:
    yield "| Processes | Events/s of all | µs CPU per event |"
    yield "|---:|---:|---:|"
    for row in found["split"]:
        yield f"| {row['processes']} | {row['events per second']:,} | {row['cpu per event']:.2f} |"


def picture(found: dict[str, Any]) -> str:
    """Draw CPU time and delay over the events per second."""

    def points(field: str) -> dict[str, list[tuple[float, float]]]:
        lines: dict[str, list[tuple[float, float]]] = {}
        for runner, cells in found["cells"].items():
            # The same number of events in more streams replaces that in fewer.
            many = {cell["offered"]: cell[field] for cell in cells if cell["streams"] >= _MANY}
            lines[runner] = sorted(many.items())
        return lines

    title = f"events per second, in {_MANY} to {max(STREAMS):,} streams"
    charts = [
        _svg.Chart("CPU time per event, µs", title, points("cpu per event")),
        _svg.Chart("Delay of an event, p99, ms", title, points("p99")),
    ]
    return _svg.lines("CPU time and delay by the number of events per second", charts)


def write(found: dict[str, Any], docs: Path) -> None:
    """Write the tables and the picture into the documentation."""
    page = docs / "performance.md"
    _report.write_between(page, "growth", "\n".join(_cells_table(found)))
    _report.write_between(page, "limits", "\n".join(_limits_table(found)))
    _report.write_between(page, "split", "\n".join(_split_table(found)))
    _report.write_between(page, "dask", "\n".join(_dask_table(found)))
    (docs / "images" / "growth.svg").write_text(picture(found), "utf-8")


def main() -> int:
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few streams for a short time: does it run?")
    parser.add_argument("--python", help="use this environment, and install nothing")
    chosen = parser.parse_args()
    measure(_environment.python(chosen.python), quick=chosen.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
