"""Measure the CPU time of imports, and of an import with the first run, in a wheel that was installed.

    python -m benchmarks.imports [--rounds 21] [--only "import aiohttp" AppClient]

The wheel is built and installed into an environment of its own, with byte code for everything. Each import
runs in a new process, and the contestants take turns.
"""

from __future__ import annotations

import sys
from typing import Final

from benchmarks import _environment, _harness
from benchmarks._harness import Cost, Gate, Results

BASELINE: Final = "import aiohttp"
FIRST_RUN: Final = "aiohttp and a run"
GATES: Final = [Gate("AppClient", BASELINE, 1.7), Gate("AppClient and a run", FIRST_RUN, 1.9)]

_AIOHTTP_RUN: Final = """
import asyncio, aiohttp, orjson
async def main():
    body = {"inputs": {"events": 10}, "user": "bench", "response_mode": "streaming"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base_url}/workflows/run", json=body) as answer:
            events = (await answer.read()).split(b"\\n\\n")
            last = [orjson.loads(event[6:]) for event in events if event.startswith(b"data: ")][-1]
            assert last["event"] == "workflow_finished"
asyncio.run(main())
"""
_OUR_RUN: Final = """
import asyncio
from dify_async import AppClient
async def main():
    async with AppClient("app-bench", user="bench", base_url=base_url) as client:
        assert (await client.workflows.run({"events": 10})).outputs
asyncio.run(main())
"""
PROGRAMS: Final[dict[str, str]] = {
    BASELINE: "import aiohttp",
    "AppClient": "from dify_async import AppClient",
    "WebAppClient": "from dify_async import WebAppClient",
    "KnowledgeClient": "from dify_async import KnowledgeClient",
    "sync.AppClient": "from dify_async.sync import AppClient",
    FIRST_RUN: _AIOHTTP_RUN,
    "AppClient and a run": _OUR_RUN,
}
_MEASURE: Final = """
import sys, time
base_url = sys.argv[1]
wall, cpu = time.perf_counter(), time.process_time()
exec(compile(sys.argv[2], "program", "exec"))
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def main() -> int:
    parser = _harness.options(__doc__ or "", PROGRAMS, rounds=21)
    chosen = parser.parse_args()
    results: Results = {name: {} for name in PROGRAMS if name in chosen.only}
    with _harness.server() as base_url, _environment.installed() as python:
        for number in range(chosen.rounds):
            for name in results:
                cpu, wall = _environment.run(python, "-I", "-c", _MEASURE, base_url, PROGRAMS[name]).split()
                results[name][number] = Cost(float(cpu), float(wall))
    _harness.show("Imports in new processes", results, size=1, unit="import", baseline=BASELINE)
    return 0 if _harness.judge(results, GATES) else 1


if __name__ == "__main__":
    sys.exit(main())
