"""The reports of failed tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CONFTEST = """
import pytest

pytest_plugins = ["tests.support.reports"]

def pytest_runtest_makereport(item, call):
    if call.excinfo is not None:
        raise SystemError("AST constructor recursion depth mismatch")
"""

TESTS = """
def test_bad():
    assert 1 == 2

def test_good():
    pass
"""


def test_a_failure_without_a_report_hides_no_other_result(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--numprocesses", "1")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*cannot be shown: SystemError*"])
