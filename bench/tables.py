"""Results as tables: the columns of each part, in one place for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stop import CASES

Row = dict[str, Any]
NEVER = "> 10 s (never)"  # a stop that wasn't over within stop.py's bound


@dataclass(frozen=True)
class Column:
    title: str
    cell: Callable[[Row], str]


def _number(key: str, digits: int = 0, scale: float = 1.0) -> Callable[[Row], str]:
    return lambda row: f"{row[key] * scale:,.{digits}f}" if row.get(key) is not None else ""


def _spread(row: Row) -> str:
    return _range([value for value in row["cpu_us_rounds"] if value is not None])


def _range(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}"


def unsteadiness(rows: list[Row]) -> float | None:
    """How much longer the probe of the core took at its slowest than at its fastest: 0.1 is a tenth."""
    probes = [value for row in rows for value in row.get("probe_us_rounds", []) if value is not None]
    return max(probes) / min(probes) - 1 if probes else None


def _flatness(key: str, scale: float = 1.0) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        return f"{row['footprint_early'][key] * scale:.3g} → {row['footprint_end'][key] * scale:.3g}"

    return cell


def _stop(case: str) -> Callable[[Row], str]:
    """The median of the case's stops, and the longest."""

    def cell(row: Row) -> str:
        if f"{case}_ms" in row["never"]:
            return NEVER
        return f"{row[f'{case}_ms']:,.1f} ({row[f'{case}_max_ms']:,.1f})"

    return cell


_SERVER = Column("server", lambda row: row["server"])
_NOTE = Column("note", lambda row: row["reason"])


def _throughput(noun: str, *more: Column) -> tuple[Column, ...]:
    """`noun` is what is counted; `more` are columns that only this part has."""
    return (
        _SERVER,
        Column(f"CPU µs per {noun}", _number("cpu_us", 2)),
        Column("of that the log", _number("beyond_us", 2)),
        *more,
        Column("of uvicorn's", _number("ratio_to_uvicorn", 2)),
        Column("of the floor's", _number("ratio_to_floor", 2)),
        Column("rounds", _spread),
        Column(f"{noun}s/s", _number("requests_per_second")),
        Column("p50 µs", _number("p50_us")),
        Column("p99 µs", _number("p99_us")),
        Column("others on its core", lambda row: f"{row['foreign_share']:.0%}"),
        _NOTE,
    )


_THROUGHPUT = _throughput("request")
_IDLE = (
    _SERVER,
    Column("bytes per connection", _number("bytes_per_connection")),
    Column("of uvicorn's", _number("ratio_to_uvicorn", 2)),
    Column("resident bytes per connection", _number("resident_per_connection")),
    Column("before, MiB", _number("private_dirty_before", 1, 2**-20)),
    Column("holding, MiB", _number("private_dirty_during", 1, 2**-20)),
    Column("afterwards, MiB", _number("private_dirty_after", 1, 2**-20)),
    _NOTE,
)
_LIFECYCLE = (
    _SERVER,
    Column("cycles", _number("cycles")),
    Column("start ms", _number("start_ms", 2)),
    Column("p99", _number("start_p99_ms", 2)),
    Column("first answer ms", _number("first_ms", 2)),
    Column("p99", _number("first_p99_ms", 2)),
    Column("stop ms", _number("stop_ms", 2)),
    Column("p99", _number("stop_p99_ms", 2)),
    Column("threads", _flatness("threads")),
    Column("descriptors", _flatness("descriptors")),
    Column("resident MiB", _flatness("resident", 2**-20)),
    _NOTE,
)
_BUSY = (
    _SERVER,
    Column("requests/s", _number("requests_per_second", 1)),
    Column("times uvicorn (asyncio)", _number("times_uvicorn", 2)),
    Column("p50 ms", _number("p50_us", 2, 1e-3)),
    Column("p90 ms", _number("p90_us", 2, 1e-3)),
    Column("p99 ms", _number("p99_us", 2, 1e-3)),
    Column("program alone, iterations/s", _number("iterations_alone")),
    Column("beside the server", _number("iterations_beside")),
    Column("slower by", lambda row: f"{row['slowdown']:.1%}"),
    _NOTE,
)
_STOP = (
    _SERVER,
    *(Column(case.title, _stop(name)) for name, case in CASES.items()),
    _NOTE,
)
_PROCESS = (
    _SERVER,
    Column("rounds", _number("starts")),
    Column("ready ms", _number("ready_ms", 1)),
    Column("bare interpreter with the application ms", _number("import_ms", 1)),
    Column("difference ms", _number("difference_ms", 1)),
    Column("rounds' differences", lambda row: _range(row["difference_ms_rounds"])),
    _NOTE,
)
_SUITE = (
    _SERVER,
    Column("ms per test", _number("test_ms", 2)),
    Column("rounds", lambda row: _range(row["test_ms_rounds"])),
    Column("CPU ms per test", _number("test_cpu_ms", 2)),
    Column("rounds", lambda row: _range(row["test_cpu_ms_rounds"])),
    Column("whole suite s", _number("suite_s", 1)),
    _NOTE,
)
_COLUMNS = {
    "websocket": _throughput("message"),
    "websocket-deflate": _throughput("message", Column("bytes of an answer", _number("answer_bytes"))),
    "handshake": _throughput(
        "handshake", Column("handshakes per CPU second", lambda row: f"{1e6 / row['cpu_us']:,.0f}")
    ),
    "idle": _IDLE,
    "idle-websocket": _IDLE,
    "lifecycle": _LIFECYCLE,
    "stop": _STOP,
    "process": _PROCESS,
    "suite": _SUITE,
    "busy": _BUSY,
}
_WITHOUT_CONNECTIONS = ("idle", "idle-websocket", "idle-websocket-deflate", "lifecycle", "stop", "process", "suite")


@dataclass(frozen=True)
class Table:
    workload: str
    connections: int | None
    titles: list[str]
    lines: list[list[str]]  # a server that was not run has its name, empty cells, and the reason
    ours: list[bool]

    @property
    def caption(self) -> str:
        if self.connections is None or self.workload in _WITHOUT_CONNECTIONS:
            return self.workload
        return f"{self.workload}, {self.connections} connection{'s' if self.connections > 1 else ''}"


def _line(row: Row, columns: tuple[Column, ...]) -> list[str]:
    if row["status"] != "ok":
        return [row["server"], *("" for _ in columns[2:]), f"not run: {row['reason']}"]
    return [column.cell(row) for column in columns]


def groups(rows: list[Row]) -> dict[tuple[str, int | None], list[Row]]:
    """Rows by workload and connections, in the order of their first appearance."""
    grouped: dict[tuple[str, int | None], list[Row]] = {}
    for row in rows:
        connections = None if row["workload"] in _WITHOUT_CONNECTIONS else row["connections"]
        grouped.setdefault((row["workload"], connections), []).append(row)
    return grouped


def of(results: dict[str, Any]) -> list[Table]:
    columns = _COLUMNS.get(results["name"], _THROUGHPUT)
    found = []
    for (workload, connections), rows in groups(results["rows"]).items():
        lines = [_line(row, columns) for row in rows]
        titles = [column.title for column in columns]
        found.append(
            _without_empty_columns(Table(workload, connections, titles, lines, [row["is_ours"] for row in rows]))
        )
    return found


def _without_empty_columns(table: Table) -> Table:
    kept = [index for index in range(len(table.titles)) if any(line[index] for line in table.lines)]
    lines = [[line[index] for index in kept] for line in table.lines]
    return Table(table.workload, table.connections, [table.titles[index] for index in kept], lines, table.ours)


def as_text(results: dict[str, Any]) -> str:
    """For the terminal: columns aligned, numbers to the right."""
    parts = []
    for table in of(results):
        widths = [max(len(cell) for cell in column) for column in zip(table.titles, *table.lines)]
        parts.append(f"\n{table.caption}")
        for cells in (table.titles, *table.lines):
            rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))
            parts.append("  ".join([cells[0].ljust(widths[0]), *rest]).rstrip())
    unsteady = unsteadiness(results["rows"])
    if unsteady is not None:
        parts.append(f"\nthe core's own speed varied by {unsteady:.0%} between measurements")
    return "\n".join(parts)


def as_markdown(table: Table) -> str:
    rule = ["---", *("---:" for _ in table.titles[1:])]
    if table.titles[-1] == "note":
        rule[-1] = "---"
    lines = [table.titles, rule]
    for cells, is_ours in zip(table.lines, table.ours):
        lines.append([f"**{cells[0]}**", *cells[1:]] if is_ours else cells)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)
