"""The interface of views, which show a run as text."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class View(AbstractContextManager["View"], Protocol):
    """Shows a run. Entered while its events arrive; the result may be shown afterwards."""

    def take(self, event: Any) -> None:
        """Show the next event."""

    def conclude(self, result: Any) -> None:
        """Show the result."""
