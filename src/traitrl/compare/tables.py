"""Parts of the tables for the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN = "dim"
"""Style of what tells nothing."""
_FILE_WIDTH = 160


def wide_console() -> Console:
    """Returns a console that does not fold tables when the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


def absent_note(absent: dict[str, str]) -> Text:
    """Says which benchmarks are not on this machine, by reason."""
    reasons = dict.fromkeys(absent.values())
    lines = [
        f"Absent on this machine and not counted, {why}: {names_list(_with_reason(absent, why))}." for why in reasons
    ]
    return Text("\n".join(lines), style=PLAIN)


def names_list(names: list[str]) -> str:
    """Returns names as a list in a sentence."""
    return ", ".join(names) or "none"


def _with_reason(absent: dict[str, str], reason: str) -> list[str]:
    return [name for name, why in absent.items() if why == reason]


def title(text: str) -> Text:
    """Returns a heading."""
    return Text(f"\n{text}", style="bold")


def empty_table(*columns: str) -> Table:
    """Returns a table without rows; columns of words are set to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        words = column in ("benchmark", "family", "held-out trait", "signal", "")
        table.add_column(
            column,
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=column in ("benchmark", "held-out trait"),
        )
    return table


def number(value: float | None) -> str:
    """Returns a number with three digits, a dash for none."""
    return "–" if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """Returns a difference with its sign."""
    return f"{value:+.3f}"


def interval(row: dict[str, Any], centre: str) -> str:
    """Returns the ends of an interval around the figure that `centre` names."""
    if row["low"] is None:
        return "–"
    form = "+.3f" if centre == "difference" else ".3f"
    return f"{row['low']:{form}} to {row['high']:{form}}"
