"""OpenTelemetry: spans of calls, runs, nodes and rows, and metrics. Needs the extra `otel`."""

from dify_async.otel.instrumentor import DifyInstrumentor
from dify_async.otel.observer import DifyObserver

__all__ = ["DifyInstrumentor", "DifyObserver"]
