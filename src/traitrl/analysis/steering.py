"""How attacks move a model at their largest budget: the effect of each, and the resistance of one arm and another."""

from collections.abc import Sequence
from typing import Any

from traitrl.analysis.attack_curves import CLEAN
from traitrl.analysis.clusters import cluster_mean
from traitrl.analysis.paired import benjamini_hochberg, paired_difference, welch_difference
from traitrl.evals.rows import ResultTable

LEVEL = 0.05
"""Largest share of false discoveries at which something counts as found."""


def direction_of(attack: str) -> str:
    """Returns harmful or helpful from an attack's id (`kind:direction:name`)."""
    return attack.split(":")[1]


def kind_of(attack: str) -> str:
    """Returns the kind of attack from its id."""
    return attack.split(":")[0]


def shifts(rows: ResultTable, benchmark: str) -> tuple[ResultTable, Any]:
    """Returns attacked minus clean score at the largest budget of each attack.

    Returns:
        A table with one row per item and a column per (arm, attack), and the cluster of each item.
    """
    part = rows[rows["benchmark"] == benchmark].dropna(subset=["score"])
    attacked = part[part["attack"] != CLEAN]
    largest = attacked.groupby("attack")["budget"].transform("max")
    attacked = attacked[attacked["budget"] == largest]
    table = attacked.pivot_table(index="item", columns=["arm", "attack"], values="score", aggfunc="mean")
    clean = part[part["attack"] == CLEAN].pivot_table(index="item", columns="arm", values="score", aggfunc="mean")
    for arm, attack in table.columns:
        if arm in clean.columns:
            table[arm, attack] = table[arm, attack] - clean[arm].reindex(table.index)
        else:
            table[arm, attack] = float("nan")
    clusters = part.drop_duplicates("item").set_index("item")["cluster"].astype(str)
    return table, clusters.reindex(table.index)


def attack_effects(rows: ResultTable, benchmark: str, arm: str) -> list[dict[str, Any]]:
    """Measures what each attack does to one arm (the untrained one) at its largest budget.

    Returns:
        Per attack: `difference` (attacked minus clean) with interval, p, q (Benjamini-Hochberg over the attacks), and
        `useful`: at q <= 0.05 a harmful attack lowers the score, or a helpful one raises it. The others move nobody,
        and no verdict rests on them.
    """
    table, clusters = shifts(rows, benchmark)
    found: list[dict[str, Any]] = []
    for name, attack in table.columns:
        moved = table[name, attack].dropna()
        if name != arm or clusters[moved.index].nunique() < 2:
            continue
        effect = paired_difference(moved.tolist(), clusters[moved.index].tolist())
        found.append({"attack": attack, **effect.as_row()})
    for row, q in zip(found, benjamini_hochberg([row["p"] for row in found]), strict=True):
        as_meant = row["difference"] < 0 if direction_of(row["attack"]) == "harmful" else row["difference"] > 0
        row |= {"q": q, "useful": bool(as_meant and q <= LEVEL)}
    return found


def resistance_table(rows: ResultTable, benchmark: str, reference: str, other: str) -> list[dict[str, Any]]:
    """Compares two arms under each attack at its largest budget.

    Returns:
        Per attack: `difference` (shift of `other` minus shift of `reference`; under a harmful attack, positive means
        that `other` holds better) with interval, p, and q (Benjamini-Hochberg over the attacks).
    """
    table, clusters = shifts(rows, benchmark)
    found: list[dict[str, Any]] = []
    for attack in sorted({attack for _, attack in table.columns}):
        if (reference, attack) not in table.columns or (other, attack) not in table.columns:
            continue
        apart = (table[other, attack] - table[reference, attack]).dropna()
        if clusters[apart.index].nunique() < 2:
            continue
        found.append({"attack": attack, **paired_difference(apart.tolist(), clusters[apart.index].tolist()).as_row()})
    for row, q in zip(found, benjamini_hochberg([row["p"] for row in found]), strict=True):
        row["q"] = q
    return found


def domain_table(
    rows: ResultTable, benchmark: str, aims: dict[str, Sequence[str]], reference: str | None = None
) -> list[dict[str, Any]]:
    """Sets the attacked domain against everything else.

    Args:
        rows: Result rows; items are scenario ids (`trait.domain.number`).
        benchmark: Benchmark on scenarios.
        aims: Attack -> domains at which it aims; attacks without one are left out.
        reference: Arm against whose shift the protection of the other arms is measured.

    Returns:
        Per arm and attack: degradation `inside` and `outside` the domain with intervals and their `spread` (outside
        minus inside, Welch), and, when there is a reference, `protection_inside` and `protection_outside` (how much
        less the arm loses than the reference, paired).
    """
    table, clusters = shifts(rows, benchmark)
    domains = table.index.to_series().str.split(".").str[1]
    found: list[dict[str, Any]] = []
    for arm, attack in table.columns:
        if not aims.get(attack):
            continue
        inside = domains.isin(list(aims[attack]))
        row: dict[str, Any] = {"arm": arm, "attack": attack, "domains": list(aims[attack])}
        loss = -table[arm, attack]
        row |= _sides(loss, clusters, inside, "")
        parts = [loss[mask].dropna() for mask in (inside, ~inside)]
        if all(clusters[part.index].nunique() >= 2 for part in parts):
            means = [cluster_mean(part.tolist(), clusters[part.index].tolist()) for part in parts]
            row["spread"] = welch_difference(*means).as_row()
        if reference not in (None, arm) and (reference, attack) in table.columns:
            row |= _sides(table[arm, attack] - table[reference, attack], clusters, inside, "protection_")
        found.append(row)
    return found


def _sides(values: Any, clusters: Any, inside: Any, prefix: str) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for name, mask in (("inside", inside), ("outside", ~inside)):
        part = values[mask].dropna()
        enough = clusters[part.index].nunique() >= 2
        sides[prefix + name] = (
            paired_difference(part.tolist(), clusters[part.index].tolist()).as_row() if enough else None
        )
    return sides
