"""Run many rows with bounded concurrency."""

from dify_async.batch.batch import Batch
from dify_async.batch.outcome import Failure, Outcome, ResultT, ResultT_co, Share, Success, Totals
from dify_async.batch.rows import Rows, RowT

__all__ = [
    "Batch",
    "Failure",
    "Outcome",
    "ResultT",
    "ResultT_co",
    "RowT",
    "Rows",
    "Share",
    "Success",
    "Totals",
]
