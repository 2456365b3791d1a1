"""Run the same rows in one process and on a Dask cluster of two processes, and print the figures as JSON.

    python -m benchmarks._dask_worker BASE_URL ROWS

Each row is a run of 50 events, sent as fast as the client reads. Rows that cost so little show the overhead
of Dask per row.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, Final

from distributed import Client, LocalCluster

from dify_async import AppClient
from dify_async.batch import Batch
from dify_async.distributed import map_runs

_INPUTS: Final = {"events": 50}
_AT_ONCE: Final = 50


async def rows_per_second(batch: Batch[Any, Any], rows: int) -> float:
    """Read all outcomes of a batch, and return how many arrived per second."""
    began = time.perf_counter()
    async with batch:
        succeeded = 0
        async for outcome in batch:
            succeeded += outcome.ok
    if succeeded != rows:
        raise RuntimeError(f"{succeeded} rows succeeded of {rows}")
    return rows / (time.perf_counter() - began)


async def compare(base_url: str, rows: int) -> dict[str, float]:
    """Return the rows per second in one process and on the cluster."""
    given = [_INPUTS] * rows
    async with AppClient("app-bench", user="bench", base_url=base_url) as client:

        async def in_one_process() -> float:
            batch = client.workflows.run_many(given, concurrency=_AT_ONCE, check_inputs=False)
            return await rows_per_second(batch, rows)

        async def on_the_cluster(dask: Client) -> float:
            batch = map_runs(given, client=client, dask=dask, concurrency_total=_AT_ONCE, check_inputs=False)
            return await rows_per_second(batch, rows)

        await in_one_process()
        one = await in_one_process()
        async with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0", asynchronous=True
            ) as cluster,
            Client(cluster, asynchronous=True) as dask,
        ):
            await on_the_cluster(dask)
            two = await on_the_cluster(dask)
    return {"run_many": round(one), "map_runs": round(two)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(compare(sys.argv[1], int(sys.argv[2])))))
