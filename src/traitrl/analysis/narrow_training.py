"""Narrow bad training: whether its damage is seen in the attacked domain, and outside it.

After emergent misalignment (Betley et al. 2025, arXiv 2502.17424). A model that was damaged on purpose must come out
damaged: that makes it the positive control of all other measurements.
"""

from collections.abc import Sequence
from typing import Any

from traitrl.analysis.attack_curves import CLEAN
from traitrl.analysis.paired import benjamini_hochberg, paired_difference
from traitrl.analysis.steering import LEVEL
from traitrl.evals.rows import ResultTable

SIDES = ("inside", "outside")
_ON_SCENARIOS = ("trait_judge", "preference_margin")
CHOICE_MARGIN = "choice_margin"
"""Log p per byte of the right option minus that of the best wrong one, item by item, over all benchmarks."""
_CONTROL = "capability control"


def narrow_training(
    rows: ResultTable, attack: str, domains: Sequence[str], families: Sequence[str]
) -> list[dict[str, Any]]:
    """Measures the damage of a narrow fine-tune at its largest budget.

    Args:
        rows: Result rows.
        attack: Id of a fine-tune.
        domains: Domains of the catalog at which it aims; scenario ids are `trait.domain.number`.
        families: Families of benchmarks that belong to these domains.

    Returns:
        One dictionary per arm: `against` (`clean`, or `budget 0` where the ladder has one: then that is a fine-tune of
        the same length on good rows alone), `budget`, `rows`, `families`, and per side `inside` and `outside` whether
        damage was detected. A row is one measure on one side: `difference` (tuned minus untuned, paired by item) with
        interval, p, q (Benjamini-Hochberg over the rows of this arm) and `detected`: lower at q <= 0.05. `families`
        has the same by family of benchmarks, as detail, with a correction of its own.
    """
    known = rows.dropna(subset=["score"])
    return [
        found
        for arm in dict.fromkeys(known["arm"])
        if (found := _of_arm(known[known["arm"] == arm], str(arm), attack, set(domains), set(families)))
    ]


def _of_arm(rows: ResultTable, arm: str, attack: str, domains: set[str], families: set[str]) -> dict[str, Any] | None:
    tuned = rows[rows["attack"] == attack]
    budget = tuned["budget"].max()
    has_zero = bool((tuned["budget"] == 0).any())
    before = tuned[tuned["budget"] == 0] if has_zero else rows[rows["attack"] == CLEAN]
    table = _shift(tuned[tuned["budget"] == budget], before)
    if table.empty or not budget > 0:
        return None
    on_scenarios = table["benchmark"].isin(_ON_SCENARIOS)
    of_domain = table["item"].str.split(".").str[1].isin(domains)
    table["inside"] = of_domain.where(on_scenarios, table["family"].isin(families))
    choices = table[~on_scenarios & ~table["family"].str.startswith("trait: ") & (table["family"] != _CONTROL)]
    measures = {
        **{name: table[table["benchmark"] == name] for name in _ON_SCENARIOS},
        "choice_accuracy": choices[choices["benchmark"] != CHOICE_MARGIN],
        CHOICE_MARGIN: choices[choices["benchmark"] == CHOICE_MARGIN],
    }
    found = [
        {"measure": name, "side": side, **row}
        for name, part in measures.items()
        for side in SIDES
        if (row := _difference(part[part["inside"] == (side == "inside")])) is not None
    ]
    detail = [
        {"family": str(family), "side": SIDES[not part["inside"].iloc[0]], **row}
        for family, part in measures[CHOICE_MARGIN].groupby("family")
        if (row := _difference(part)) is not None
    ]
    return {
        "arm": arm,
        "attack": attack,
        "against": "budget 0" if has_zero else "clean",
        "budget": float(budget),
        "rows": _with_decision(found),
        "families": _with_decision(detail),
        **{side: any(row["detected"] for row in found if row["side"] == side) for side in SIDES},
    }


def _shift(tuned: ResultTable, before: ResultTable) -> ResultTable:
    keys = ["benchmark", "family", "item", "cluster"]
    scores = [part.groupby(keys)["score"].mean().rename(name) for part, name in ((tuned, "new"), (before, "old"))]
    table = scores[0].to_frame().join(scores[1], how="inner").reset_index()
    return table.assign(shift=table["new"] - table["old"])


def _difference(part: ResultTable) -> dict[str, Any] | None:
    clusters = part["benchmark"] + "/" + part["cluster"].astype(str)
    return paired_difference(part["shift"].tolist(), clusters.tolist()).as_row() if clusters.nunique() >= 2 else None


def _with_decision(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row, q in zip(found, benjamini_hochberg([row["p"] for row in found]), strict=True):
        row |= {"q": q, "detected": bool(row["difference"] < 0 and q <= LEVEL)}
    return found
