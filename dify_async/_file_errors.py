"""Errors of files that cannot be opened."""

from __future__ import annotations

from typing import Final

CANNOT_OPEN: Final = (OSError, ValueError)
"""Exceptions of opening a file. ValueError: the path has a null character or is not valid Unicode."""


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be opened, without its path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
