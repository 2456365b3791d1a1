"""Run many rows with bounded concurrency."""

from dify_async.batch.batch import Batch, Outcome, ResultT, ResultT_co, Rows, RowT, Totals

__all__ = ["Batch", "Outcome", "ResultT", "ResultT_co", "RowT", "Rows", "Totals"]
