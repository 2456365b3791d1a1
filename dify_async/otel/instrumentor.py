"""Instrument all clients of a process."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from dify_async._http.observing import observe_all_clients, stop_observing
from dify_async.otel.observer import DifyObserver

_log: Final = logging.getLogger("dify_async.otel")


class DifyInstrumentor:
    """Trace and measure every client of the process.

    ```python
    DifyInstrumentor().instrument()
    client = AppClient("app-...", user="ada")
    ```

    Call it before clients are created: existing clients are not changed. A client that has its own
    `DifyObserver` uses that one.
    """

    _observer: ClassVar[DifyObserver | None] = None

    def instrument(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool = False,
        propagate: bool = True,
    ) -> None:
        """Add a `DifyObserver` to every client that is created from now on. Accepts its arguments."""
        if DifyInstrumentor._observer is not None:
            _log.warning("dify_async is instrumented already")
            return
        DifyInstrumentor._observer = DifyObserver(
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            capture_content=capture_content,
            propagate=propagate,
        )
        observe_all_clients(DifyInstrumentor._observer)

    def uninstrument(self) -> None:
        """Undo `instrument` for clients that are created from now on."""
        if DifyInstrumentor._observer is not None:
            stop_observing(DifyInstrumentor._observer)
            DifyInstrumentor._observer = None

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Return True after `instrument`. Other instrumentations have a property of the same name."""
        return DifyInstrumentor._observer is not None
