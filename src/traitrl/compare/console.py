"""Tables for the terminal."""

from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

_PLAIN = "dim"
_FILE_WIDTH = 160


def wide_console() -> Console:
    """Returns a console that does not fold tables when the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


def print_score(summary: dict[str, Any], absent: list[str], console: Console) -> None:
    """Prints the figures of one model."""
    console.print(Group(_title(summary["model"]), _score_tables(summary), _absent(absent)))


def _score_tables(summary: dict[str, Any]) -> Group:
    traits = _table("held-out trait", "level", "95 % interval", "scenarios")
    for row in summary["traits"]:
        traits.add_row(row["trait"], _number(row["level"]), _interval(row, "level"), str(row["items"]))
    families = _table("family", "mean level", "benchmarks")
    for row in summary["families"]:
        families.add_row(row["family"], _number(row["level"]), str(row["benchmarks"]))
    table = _table("benchmark", "family", "level", "95 % interval", "chance", "longest", "shortest", "first", "signal")
    for row in summary["benchmarks"]:
        name = row["name"] + (" (multiple choice)" if row["form"] == "multiple_choice" else "")
        numbers = [_number(row[key]) for key in ("chance", "longest", "shortest", "first")]
        style = None if row["signal"] == "yes" else _PLAIN
        table.add_row(
            name, row["family"], _number(row["level"]), _interval(row, "level"), *numbers, row["signal"], style=style
        )
    return Group(traits, families, table, Text(_style(summary)))


def print_comparison(summary: dict[str, Any], console: Console) -> None:
    """Prints a comparison: one block for each model against the baseline."""
    for pair in summary["pairs"]:
        console.print(Group(_title(f"{pair['model']} against {summary['baseline']}"), *_pair_tables(pair)))
    effective = summary["effective"]
    if effective is not None:
        console.print(
            f"{effective['benchmarks']} benchmarks over {effective['models']} models amount to"
            f" {effective['tests']:.1f} independent tests and {effective['votes']:.1f} independent votes."
        )
    else:
        console.print("How many of these benchmarks are independent cannot be told from fewer than four models.")
    for key, found in summary["structure"].items():
        if found is not None:
            console.print(
                f"First component ({key.replace('_', ' ')}): {100 * found['explained']:.0f} % of the variance over"
                f" {found['models']} models; by chance {100 * found['null_mean']:.0f} %, p = {found['p']:.3g}."
            )
    for model in summary["models"]:
        console.print(f"{model['model']}: {_style(model)}", markup=False)
    console.print(_absent(summary["absent"]))


def _pair_tables(pair: dict[str, Any]) -> list[Any]:
    traits = _table("held-out trait", "difference", "95 % interval", "p", "q", "scenarios")
    for row in pair["traits"]:
        traits.add_row(
            row["trait"],
            _signed(row["difference"]),
            _interval(row, "difference"),
            f"{row['p']:.3g}",
            f"{row['q']:.3g}" if "q" in row else "",
            str(row["items"]),
        )
    table = _table("benchmark", "family", "baseline", "model", "difference", "95 % interval", "q", "detects", "")
    for row in pair["benchmarks"]:
        colour = None if row["q"] > 0.05 else ("green" if row["difference"] > 0 else "red")
        table.add_row(
            row["name"],
            row["family"],
            _number(row["baseline"]),
            _number(row["trait"]),
            _signed(row["difference"]),
            _interval(row, "difference"),
            f"{row['q']:.3g}",
            _number(row["detectable"]),
            ("" if row["signal"] else "no signal ") + ("" if row["paired"] else "unpaired"),
            style=colour or (None if row["signal"] else _PLAIN),
        )
    return [traits, table, Text(tally_sentence(pair))]


def tally_sentence(pair: dict[str, Any]) -> str:
    """Says wins and losses, with names, over all items and over items that both models answered."""
    found, answered = pair["tally"], pair["answered"]["tally"]
    parts = [
        f"{found['wins']} won, {found['losses']} lost, {found['ties']} tied of {found['benchmarks']}"
        " alignment benchmarks"
        f" (sign test p = {found['sign_test_p']:.3g}; by families {found['family_wins']} to {found['family_losses']},"
        f" p = {found['family_sign_test_p']:.3g}).",
        f"Significant wins after correction: {_names(found['significant_wins'])}.",
        f"Significant losses: {_names(found['significant_losses'])}. Lost by sign: {_names(found['lost'])}.",
        f"Over items that both models answered: {answered['wins']} won, {answered['losses']} lost"
        f" ({len(answered['significant_wins'])} and {len(answered['significant_losses'])} significant).",
    ]
    if pair["sign_test_p_effective"] is not None:
        parts.append(f"Sign test over the effective number of votes: p = {pair['sign_test_p_effective']:.3g}.")
    if pair["unlike"]:
        parts.append(f"Not compared, because measured in different ways: {_names(pair['unlike'])}.")
    return " ".join(parts)


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _style(summary: dict[str, Any]) -> str:
    style = summary["style"]
    return (
        f"sampled replies: {100 * style['refused']:.1f} % refused, {100 * style['truncated']:.1f} % truncated,"
        f" {style['tokens']:.0f} tokens on average; {summary['failed']} measurements failed."
    )


def _absent(names: list[str]) -> Text:
    return Text(
        f"Absent on this machine and not counted: {', '.join(names)} (set TRAITRL_DATA)." if names else "", style=_PLAIN
    )


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _table(*columns: str) -> Table:
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


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _interval(row: dict[str, Any], centre: str) -> str:
    if row["low"] is None:
        return "–"
    form = "+.3f" if centre == "difference" else ".3f"
    return f"{row['low']:{form}} to {row['high']:{form}}"
