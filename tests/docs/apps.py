"""The apps of the fake server for the pages of the documentation."""

from __future__ import annotations

import logging
from typing import Any, Final

import pytest

from dify_async import testing
from dify_async.testing import Chat, Completion, Field, Node, Workflow

APPS: Final[dict[str, Workflow | Chat | Completion]] = {
    "workflow": Workflow(
        nodes=[
            Node("Start", type="start"),
            Node("Write", type="llm", text=["Sunny, ", "24 °C."], tokens=7),
            Node("End", type="end"),
        ],
        outputs=lambda inputs: {"forecast": f"sun in {inputs.get('city', 'Lisbon')}"},
    ),
    "chat": Chat(answer=lambda query, inputs: ["You asked: ", query]),
    "agent": Chat(mode="agent-chat", answer="Found it."),
    "chatflow": Workflow(
        mode="advanced-chat",
        nodes=[Node("Start", type="start"), Node("Answer", type="llm", text=["Hello, ", "Ada."], tokens=5)],
    ),
    "completion": Completion(answer=["A short ", "summary."]),
    "form": Workflow(
        nodes=[
            Node("Start", type="start"),
            Node("Approve", form="Publish this?", form_fields=[Field("comment", "paragraph")]),
            Node("End", type="end"),
        ],
        outputs={"published": True},
    ),
    "form-with-file": Workflow(
        nodes=[
            Node("Start", type="start"),
            Node(
                "Approve",
                form="Publish this?",
                form_fields=[Field("comment", "paragraph"), Field("scan", "file")],
            ),
            Node("End", type="end"),
        ],
        outputs={"published": True},
    ),
}
"""The apps that a comment `<!-- app: NAME -->` may name; a page starts with the workflow."""

FILES: Final = {
    "chart.png": b"\x89PNG\r\n\x1a\n",
    "scan.pdf": b"%PDF-1.4 scan",
    "q3.pdf": b"%PDF-1.4 report",
    "photo.png": b"\x89PNG\r\n\x1a\n",
    "note.txt": b"A note.",
    "rows.csv": b"city\nLisbon\nOslo\n",
}
"""Files in the directory where the pages run."""

EXTRA_NAMES: Final[dict[str, dict[str, Any]]] = {
    "README.md": {"rows": [{"city": "Lisbon"}, {"city": "Oslo"}]},
    "docs/batches.md": {"rows": [{"city": "Lisbon"}], "table": {}, "log": logging.getLogger("batches")},
    "docs/testing.md": {**vars(testing), "pytest": pytest},
    "docs/web-api.md": {"password": "secret"},
}
"""Names that a page uses without defining them, because its text introduces them."""
