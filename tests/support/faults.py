"""Faults for several test modules."""

from __future__ import annotations

from typing import Final

from dify_async.testing import Refuse

GONE: Final = Refuse(
    status=404, code="not_found", message="Workflow run not found", on="GET /v1/workflow", times=99
)
"""The server knows nothing of any run: there is no way back to one."""
