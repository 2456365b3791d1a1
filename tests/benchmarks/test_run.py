"""The benchmarks run without peers and without a network, and report their measurements."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import _race, _report, growth, run
from benchmarks._disciplines import Measured, by_name
from benchmarks.clients import BASELINE, NAMES, OURS, load

PEER = "requests_sseclient"


def test_all_clients_are_measured_and_receive_all_events(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--python", sys.executable, "--clients", BASELINE, OURS]
    assert run.main([*arguments, "--disciplines", "decode", "memory"]) == 0
    printed = capsys.readouterr().out
    assert "Stream: 0 lost" in printed
    assert "Memory per open stream: 0 lost" in printed
    assert f"| {load(BASELINE).TITLE} | " in printed


def test_growth_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "STREAMS", (10,))
    monkeypatch.setattr(growth, "RATES", (50,))
    with growth.server(sys.executable) as base_url:
        (cell,) = growth.grid(sys.executable, "dify_async", base_url, quick=True)
    assert (cell["streams"], cell["rate"], cell["offered"]) == (10, 50, 500)
    assert cell["arrived"] > 0
    assert 0 < cell["p50"] <= cell["p99"]


def summary(name: str, rounds: _race.Rounds) -> dict[str, Any]:
    return _race.summary(by_name(name), rounds, [BASELINE, OURS, PEER])


def results() -> dict[str, Any]:
    rounds = {
        BASELINE: {
            0: Measured(2.0, 1.0, 10, 10),
            1: Measured(4.0, 1.0, 10, 10),
            2: Measured(3.0, 1.0, 10, 10),
        },
        OURS: {0: Measured(3.0, 1.0, 10, 10), 1: Measured(4.0, 1.0, 8, 10), 2: Measured(6.0, 1.0, 10, 10)},
    }
    return {
        "machine": {"date": "2026-11-26", "python": "3.11", "system": "Linux", "cores": 2, "cpu": "a CPU"},
        "versions": {"aiohttp": "3.14"},
        "clients": {name: load(name).TITLE for name in (BASELINE, OURS, PEER)},
        "disciplines": {"decode": summary("decode", rounds)},
    }


def test_ratios_compare_the_same_round() -> None:
    ours = results()["disciplines"]["decode"]["clients"][OURS]
    assert (ours["value"], ours["ratio"], ours["rounds"]) == (4.0, 1.5, 3)


def test_lost_events_and_missing_abilities_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = results()
    text = _report.tables(found)
    assert "| 4.00<br>1.50\u00a0×<br>2 of 10 lost |" in text
    assert "No figures for Stream: blocking only." in text
    assert not _race.passes(found["disciplines"]["decode"])
    assert "FAIL" in capsys.readouterr().out


def test_figures_are_written_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results: begin (by hand) -->\nold\n<!-- results: end -->\nafter\n")
    for text in "first", "second":
        _report.write_between(page, "results", text)
    assert page.read_text() == (
        "before\n<!-- results: begin (by hand) -->\n\nsecond\n\n<!-- results: end -->\nafter\n"
    )
    with pytest.raises(RuntimeError, match="no markers for growth"):
        _report.write_between(page, "growth", "text")


def test_every_client_explains_what_it_lacks() -> None:
    for name in NAMES:
        module = load(name)
        assert module.TITLE
        assert module.PACKAGES
        for discipline in module.LACKS:
            by_name(discipline)


def test_the_pictures_are_well_formed() -> None:
    line = [{"offered": 100 * n, "streams": 500, "cpu per event": 20.0 / n, "p99": 0.5 * n} for n in (1, 30)]
    chart = growth.picture({"cells": dict.fromkeys(growth.RUNNERS, line)})
    found = results()
    found["disciplines"] = dict.fromkeys(run.DRAWN, found["disciplines"]["decode"])
    for picture in chart, run.picture(found):
        root = ET.fromstring(picture)
        assert root.tag.endswith("svg")
        words = [element.text for element in root.iter() if element.tag.endswith("text")]
        assert "dify_async" in words
