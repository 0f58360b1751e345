"""Tables for the terminal."""

from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from traitrl.compare.score import NO_SIGNAL
from traitrl.compare.tables import PLAIN, absent_note, empty_table, interval, names_list, number, signed, title

_OPTION_RULES = ("longest", "shortest", "first")


def print_score(summary: dict[str, Any], absent: dict[str, str], console: Console) -> None:
    """Prints the figures of one model."""
    console.print(Group(title(summary["model"]), *_score_tables(summary), absent_note(absent)))


def _score_tables(summary: dict[str, Any]) -> list[Any]:
    parts: list[Any] = []
    if summary["traits"]:
        traits = empty_table("held-out trait", "level", "95 % interval", "scenarios")
        for row in summary["traits"]:
            traits.add_row(row["trait"], number(row["level"]), interval(row, "level"), str(row["items"]))
        parts.append(traits)
    families = empty_table("family", "mean level", "benchmarks", "with signal")
    for row in summary["families"]:
        families.add_row(row["family"], number(row["level"]), str(row["benchmarks"]), str(row["signal"]))
    parts.append(families)
    lines = summary["benchmarks"]
    parts += [_lines(lines, rules) for rules in dict.fromkeys(tuple(line["trivial"]) for line in lines)]
    return [*parts, Text(signal_sentence(summary)), Text(_style(summary))]


def _lines(lines: list[dict[str, Any]], rules: tuple[str, ...]) -> Table:
    """Returns the table of the benchmarks that have these trivial rules beside them."""
    sampled = rules != _OPTION_RULES
    style = ("refused", "truncated", "tokens") if sampled else ()
    chance = () if sampled else ("chance",)
    table = empty_table("benchmark", "family", "level", "95 % interval", *chance, *rules, *style, "signal")
    for row in (line for line in lines if tuple(line["trivial"]) == rules):
        name = row["name"] + (" (multiple choice)" if row["form"] == "multiple_choice" else "")
        blind = [number(row[key]) for key in chance] + [number(row["trivial"][rule]) for rule in rules]
        numbers = [f"{100 * row['refused']:.0f} %", f"{100 * row['truncated']:.0f} %", f"{row['tokens']:.0f}"]
        shown = [row["family"], number(row["level"]), interval(row, "level"), *blind, *numbers[: len(style)]]
        table.add_row(name, *shown, row["signal"], style=PLAIN if row["signal"] in NO_SIGNAL else None)
    return table


def signal_sentence(summary: dict[str, Any]) -> str:
    """Says on how many benchmarks the model's level tells anything about it."""
    found, measured = summary["signal"], len(summary["benchmarks"])
    compared = measured - found.get("not known", 0)
    text = (
        f"{found.get('yes', 0)} of {compared} benchmarks carry signal for this model: the whole 95 % interval lies"
        " outside of what chance and rules that read nothing reach"
        f" ({', '.join(f'{name}: {found[name]}' for name in NO_SIGNAL if name in found) or 'no others'})."
        " By chance alone, about one benchmark in twenty seems to."
    )
    other = measured - compared
    return text + (f" For {other} there is nothing to compare with." if other else "")


def print_comparison(summary: dict[str, Any], console: Console) -> None:
    """Prints a comparison: one block for each model against the baseline."""
    for pair in summary["pairs"]:
        console.print(Group(title(f"{pair['model']} against {summary['baseline']}"), *_pair_tables(pair)))
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
    console.print(absent_note(summary["absent"]))


def _pair_tables(pair: dict[str, Any]) -> list[Any]:
    traits = empty_table("held-out trait", "difference", "95 % interval", "p", "q", "scenarios")
    for row in pair["traits"]:
        traits.add_row(
            row["trait"],
            signed(row["difference"]),
            interval(row, "difference"),
            f"{row['p']:.3g}",
            f"{row['q']:.3g}" if "q" in row else "",
            str(row["items"]),
        )
    table = empty_table("benchmark", "family", "baseline", "model", "difference", "95 % interval", "q", "detects", "")
    for row in pair["benchmarks"]:
        colour = None if row["q"] > 0.05 else ("green" if row["difference"] > 0 else "red")
        table.add_row(
            row["name"],
            row["family"],
            number(row["baseline"]),
            number(row["trait"]),
            signed(row["difference"]),
            interval(row, "difference"),
            f"{row['q']:.3g}",
            number(row["detectable"]),
            ("" if row["signal"] else "no signal ") + ("" if row["paired"] else "unpaired"),
            style=colour or (None if row["signal"] else PLAIN),
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
        f"Significant wins after correction: {names_list(found['significant_wins'])}.",
        f"Significant losses: {names_list(found['significant_losses'])}. Lost by sign: {names_list(found['lost'])}.",
        f"Over items that both models answered: {answered['wins']} won, {answered['losses']} lost"
        f" ({len(answered['significant_wins'])} and {len(answered['significant_losses'])} significant).",
    ]
    if pair["sign_test_p_effective"] is not None:
        parts.append(f"Sign test over the effective number of votes: p = {pair['sign_test_p_effective']:.3g}.")
    if pair["unlike"]:
        parts.append(f"Not compared, because measured in different ways: {names_list(pair['unlike'])}.")
    return " ".join(parts)


def _style(summary: dict[str, Any]) -> str:
    style = summary["style"]
    if style is None:
        return f"{summary['failed']} measurements failed."
    return (
        f"sampled replies: {100 * style['refused']:.1f} % refused, {100 * style['truncated']:.1f} % truncated,"
        f" {style['tokens']:.0f} tokens on average; {summary['failed']} measurements failed."
    )
