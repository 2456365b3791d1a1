"""The picture of a trace is up to date."""

from __future__ import annotations

import asyncio
import re
import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

SCRIPT = Path(__file__).parents[2] / "docs" / "_site" / "trace_picture.py"


def labels(picture: str) -> list[str]:
    texts = [
        element.text or "" for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    ]
    return [text for text in texts if not re.fullmatch(r"[\d.]+ s", text)]


def test_the_committed_picture_matches_the_script() -> None:
    script = runpy.run_path(str(SCRIPT))
    drawn = script["drawn"](asyncio.run(script["trace"]()))
    committed = script["TARGET"].read_text()
    assert labels(drawn) == labels(committed)
    assert drawn.count("<circle") == committed.count("<circle") == 2
