"""Limits on waiting, for tests that would never end if the tested code were wrong."""

from __future__ import annotations

from typing import Final

HANGS_AFTER: Final = 120
"""Seconds after which a wait is given up. On a busy machine, starting Python alone may take many seconds."""
