"""Run many rows with bounded concurrency."""

from dify_async.batch.batch import Batch, Rows
from dify_async.batch.executor import RowT
from dify_async.batch.outcome import Outcome, ResultT, ResultT_co, Totals

__all__ = ["Batch", "Outcome", "ResultT", "ResultT_co", "RowT", "Rows", "Totals"]
