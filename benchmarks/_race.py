"""Measure all clients in turns, and reduce the rounds to medians.

Because the load of a machine varies, the clients take turns within a round, and the result is the ratio of
two clients in the same round, not their seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from benchmarks import _environment
from benchmarks._disciplines import Discipline, Measured
from benchmarks.clients import BASELINE, OURS, load

Rounds: TypeAlias = dict[str, dict[int, Measured]]
"""The measurements of each client, by the number of the round."""

_SELDOM: Final = 3
"""Of many rounds, the peers take part in one of so many, which leaves time for more rounds of the others."""

_IMPORT: Final = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
exec(compile(sys.argv[1], "program", "exec"))
print((time.process_time() - cpu) * 1e3, time.perf_counter() - wall)
"""


def race(python: str, discipline: Discipline, names: Sequence[str], base_url: str, *, quick: bool) -> Rounds:
    """Measure one discipline. The order of the clients rotates."""
    able = [name for name in names if discipline.name not in load(name).LACKS]
    found: Rounds = {name: {} for name in able}
    for number in range(1 if quick else discipline.rounds):
        often = {BASELINE, OURS} if discipline.rounds > _SELDOM else set(able)
        turn = [name for name in able if name in often or number % _SELDOM == 0]
        first = number % len(turn) if turn else 0
        for name in turn[first:] + turn[:first]:
            size = discipline.quick_size if quick else discipline.size
            if (measured := _measured(python, discipline, name, base_url, size)) is not None:
                found[name][number] = measured
    return found


def _measured(python: str, discipline: Discipline, name: str, base_url: str, size: int) -> Measured | None:
    if discipline.measure is None and discipline.measure_blocking is None:
        cpu, wall = _environment.isolated(python, _IMPORT, load(name).IMPORT).split()
        return Measured(float(cpu), float(wall))
    command = [python, "-m", "benchmarks._worker", discipline.name, name, base_url, str(size)]
    done = subprocess.run(command, cwd=_environment.ROOT, stdout=subprocess.PIPE)  # noqa: PLW1510
    if done.returncode != 0:
        print(f"FAIL  {name} in {discipline.name}", file=sys.stderr, flush=True)
        return None
    return Measured(**json.loads(done.stdout))


def ratio(rounds: Rounds, name: str, other: str) -> float:
    """Return the value of `name` divided by that of `other`: the median over their common rounds."""
    one, two = rounds[name], rounds[other]
    return statistics.median(one[number].value / two[number].value for number in one.keys() & two.keys())


def summary(discipline: Discipline, rounds: Rounds, names: Sequence[str]) -> dict[str, Any]:
    """Return the medians of a discipline, as they are written to the JSON file."""
    clients: dict[str, Any] = {}
    for name in names:
        if not rounds.get(name):
            clients[name] = {"lacks": load(name).LACKS.get(discipline.name, "failed in this run")}
            continue
        measured = list(rounds[name].values())
        clients[name] = {
            "value": round(statistics.median(one.value for one in measured), 3),
            "ratio": round(ratio(rounds, name, BASELINE), 3) if rounds.get(BASELINE) else None,
            "wall": round(statistics.median(one.wall for one in measured), 3),
            "rounds": len(measured),
            "lost": max(one.expected - one.seen for one in measured),
            "expected": measured[0].expected,
            **{
                extra: round(statistics.median(one.extra[extra] for one in measured), 3)
                for extra in measured[0].extra
            },
        }
    return {"title": discipline.title, "unit": discipline.unit, "gate": discipline.gate, "clients": clients}


def passes(found: dict[str, Any]) -> bool:
    """Print whether dify_async is within the gate of a discipline, and has received everything."""
    ours = found["clients"].get(OURS)
    if ours is None:
        return True
    if "lacks" in ours:
        return False
    good = bool(ours["lost"] == 0)
    limit = ""
    if found["gate"] is not None and ours["ratio"] is not None:
        good &= bool(ours["ratio"] <= found["gate"])
        limit = f", {ours['ratio']:.2f} x the baseline; at most {found['gate']:.2f}"
    print(f"{'PASS' if good else 'FAIL'}  {found['title']}: {ours['lost']} lost{limit}", flush=True)
    return good
