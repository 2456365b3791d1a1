"""Run the checks: lint, types, and the tests on every Python and with the lowest dependencies.

`nox -s thorough` runs all tests with thorough fuzzing, `nox -s bench` runs the benchmarks.
"""

import nox

PYTEST = ("pytest", "--numprocesses", "auto", "--dist", "loadgroup")

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests", "lowest"]
nox.options.error_on_missing_interpreters = False


def _install(session: nox.Session, *groups: str) -> None:
    session.install("--upgrade", "pip>=25.1")
    session.install("--editable", ".[cli]")
    for group in groups:
        session.install("--group", group)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    _install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package and of code that uses it, with two type checkers."""
    _install(session, "dev", "bench")
    session.run("mypy")
    session.run("pyright")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the tests."""
    _install(session, "test")
    session.run(*PYTEST, *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest versions of the dependencies."""
    _install(session, "test")
    dependencies = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    session.install(*(dependency.replace(">=", "==") for dependency in dependencies))
    session.run(*PYTEST, *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """Run all tests, including slow ones, with thorough fuzzing."""
    _install(session, "test")
    seconds = "3600"  # Per test.
    limits = ("--timeout", seconds, "--override-ini", f"faulthandler_timeout={seconds}")
    session.run(*PYTEST, "-m", "", "--hypothesis-profile", "thorough", *limits, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare the speed with raw aiohttp and other clients. Writes the figures of docs/performance.md."""
    session.run("python", "-m", "benchmarks.run", *session.posargs)
