"""An environment of its own for what is compared: `.venv/peers`, with the wheel of this project."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any, Final

from benchmarks.clients import load

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = ROOT / ".venv" / "peers"

_VERSIONS: Final = """
import importlib.metadata, json, sys
found = {dist.name.lower(): dist.version for dist in importlib.metadata.distributions()}
print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))
"""


def python(given: str | None) -> str:
    """Return the Python that measures: the given one, or that of the peers."""
    return _peers() if given is None else str(Path(given).absolute())


def _peers() -> str:
    """Install the peers, and a wheel of the current code as users do, and return the environment's Python."""
    python = PEERS / ("Scripts" if os.name == "nt" else "bin") / "python"
    print("installing the peers in .venv/peers ...", flush=True)
    if not python.exists():
        venv.create(PEERS, with_pip=True)
    _pip(python, "--upgrade", "pip>=25.1")
    _pip(python, "--upgrade", "--group", f"{ROOT / 'pyproject.toml'}:bench")
    _pip(python, "--upgrade", "--upgrade-strategy=eager", f"{ROOT}[dask]")
    _pip(python, "--force-reinstall", "--no-deps", ROOT)
    return str(python)


def _pip(python: Path, *arguments: str | Path) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True, cwd=ROOT)


def versions(python: str, names: list[str]) -> dict[str, str]:
    """Return the versions of the packages of these clients, and of what the other measurements use."""
    packages = sorted({package for name in names for package in load(name).PACKAGES})
    found: dict[str, str] = json.loads(isolated(python, _VERSIONS, *packages, "uvloop", "distributed"))
    return found


def isolated(python: str, program: str, *arguments: str) -> str:
    """Run a program without the settings of this environment and without its files, and return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-I", "-c", program, *arguments]
    done = subprocess.run(command, env=kept, cwd=tempfile.gettempdir(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def machine() -> dict[str, Any]:
    """Return where and when the benchmark runs."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version() if sys.implementation.name == "cpython" else sys.version,
    }
