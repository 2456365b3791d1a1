"""Limits on waiting, for what would never end if the code under test were wrong."""

from __future__ import annotations

from typing import Final

HANGS_AFTER: Final = 120
"""Seconds after which a wait is given up. On a busy machine, starting Python alone may take many seconds."""
