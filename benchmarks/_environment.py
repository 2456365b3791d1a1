"""An environment of its own, with the wheel of this project and what it is compared with."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@contextmanager
def installed(*requirements: str) -> Iterator[Path]:
    """Build the wheel, install it as users do, compile all byte code, and yield the environment's Python.

    An editable install without byte code takes twice as long to import.
    """
    with tempfile.TemporaryDirectory(prefix="dify-async-bench-") as folder:
        place = Path(folder)
        venv.create(place / "env", with_pip=True)
        python = place / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        run(*pip, "wheel", "--no-deps", "--wheel-dir", place, ROOT)
        (wheel,) = place.glob("dify_async-*.whl")
        run(*pip, "install", wheel, *requirements)
        run(python, "-m", "compileall", "-q", place / "env")
        yield python


def run(*command: str | Path) -> str:
    """Run a command without the settings of this environment, and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, env=kept, cwd=tempfile.gettempdir(), stdout=subprocess.PIPE, text=True)  # noqa: PLW1510
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command[:6]))}")
    return done.stdout
