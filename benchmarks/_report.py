"""Write the results as tables in Markdown, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.clients import BASELINE, NAMES, OURS, load

Results = dict[str, Any]
"""What the JSON file holds."""

_TABLES: Final = (
    ("CPU time, async", ("decode", "calls", "calls_at_once", "fan_out", "rows", "large_event")),
    ("CPU time, blocking", ("blocking_stream", "blocking_calls")),
    ("Start, delay and memory", ("imports", "first_text", "memory")),
)


def tables(results: Results) -> str:
    """Return all tables, their notes and the versions."""
    names = [name for name in NAMES if name in results["clients"]]
    parts: list[str] = []
    for title, disciplines in _TABLES:
        shown = [name for name in disciplines if name in results["disciplines"]]
        if shown:
            parts += [f"**{title}**", "\n".join(_table(results, names, shown))]
    parts.append("\n".join(_notes(results, names)))
    return "\n\n".join(parts)


def _table(results: Results, names: Sequence[str], shown: Sequence[str]) -> Iterator[str]:
    disciplines = [results["disciplines"][name] for name in shown]
    heads = [f"{discipline['title']}<br>{discipline['unit']}" for discipline in disciplines]
    yield f"| | {' | '.join(heads)} |"
    yield f"|---|{'---:|' * len(heads)}"
    for name in names:
        cells = [_cell(discipline["clients"][name]) for discipline in disciplines]
        if any(cell != "–" for cell in cells):
            title = f"**{load(name).TITLE}**" if name == OURS else load(name).TITLE
            yield f"| {title} | {' | '.join(cells)} |"


def _cell(found: dict[str, Any]) -> str:
    if "value" not in found:
        return "–"
    lines = [number(found["value"])]
    if found["ratio"] is not None:
        lines.append(f"{number(found['ratio'])}\u00a0×")
    if found["lost"]:
        lines.append(f"{found['lost']:,} of {found['expected']:,} lost")
    return "<br>".join(lines)


def number(value: float) -> str:
    """Return a number with the digits that a reader needs."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _notes(results: Results, names: Sequence[str]) -> Iterator[str]:
    yield f"The second line: times the value of {load(BASELINE).TITLE}. A dash: the library cannot do it."
    yield ""
    for name in names:
        module = load(name)
        reasons: dict[str, list[str]] = {}
        for discipline, found in results["disciplines"].items():
            if "lacks" in found["clients"][name]:
                title = results["disciplines"][discipline]["title"]
                reasons.setdefault(found["clients"][name]["lacks"], []).append(title)
        lacks = [f"No figures for {'; '.join(titles)}: {reason}." for reason, titles in reasons.items()]
        if notes := [*module.NOTES, *lacks]:
            yield f"- {module.TITLE}: {' '.join(notes)}"
    machine = results["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in results["versions"].items())
    yield ""
    yield (
        f"Measured on {machine['date']} with Python {machine['python']} on {machine['system']}, "
        f"{machine['cores']} cores of {machine['cpu']}. Versions: {versions}."
    )


def write_between(page: Path, name: str, text: str) -> None:
    """Replace what is between the markers `<!-- NAME: begin ... -->` and `<!-- NAME: end -->` of a page."""
    before, begin, rest = page.read_text("utf-8").partition(f"<!-- {name}: begin")
    marker, closing, rest = rest.partition("-->\n")
    _, end, after = rest.partition(f"<!-- {name}: end -->")
    if not (begin and closing and end):
        raise RuntimeError(f"{page} has no markers for {name}")
    page.write_text(f"{before}{begin}{marker}{closing}\n{text}\n\n{end}{after}", "utf-8")
