"""Collects every figure of a lab run into one dictionary, which is also what `numbers.json` holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from traitrl.analysis.attack_curves import CLEAN, UNBOUNDED, attack_curves, family_budgets
from traitrl.analysis.giving_in import MEASURES, compare_survival, survival_curves, survival_data
from traitrl.analysis.movement import Movement
from traitrl.analysis.narrow_training import CHOICE_MARGIN, narrow_training
from traitrl.analysis.retention_prediction import predict_retention
from traitrl.analysis.selective_persistence import selective_persistence
from traitrl.analysis.steering import LEVEL, attack_effects, direction_of, domain_table, kind_of, resistance_table
from traitrl.attacks.attack import Attack
from traitrl.evals.rows import ResultTable

BENCHMARKS = ("trait_judge", "preference_margin")


def collect_numbers(
    rows: ResultTable,
    attacks: Sequence[Attack],
    reference: str,
    untrained: str | None,
    features: Mapping[str, Mapping[str, float | None]] | None = None,
    repeats: Sequence[str] = (),
) -> dict[str, Any]:
    """Computes the numbers of a lab run from its rows.

    Args:
        rows: Result rows of all models; `arm` is the model's label.
        attacks: The attacks that were run.
        reference: Arm with which the others are compared.
        untrained: Arm before training, or None.
        features: Arm -> what is known of it before any attack (`persist.features`).
        repeats: Arms that are the reference measured again; no prediction is made from them.
    """
    arms = list(dict.fromkeys(rows["arm"]))
    distinct = [arm for arm in arms if arm not in repeats]
    measured = [name for name in BENCHMARKS if (rows["benchmark"] == name).any()]
    by_benchmark = {name: _of_benchmark(rows, name, attacks, arms, reference, untrained) for name in measured}
    return {
        "models": arms,
        "reference": reference,
        "untrained": untrained,
        "repeats": list(repeats),
        "attacks": [
            {
                "id": attack.id,
                "name": attack.name,
                "kind": attack.kind,
                "direction": attack.direction,
                "budgets": list(attack.budgets),
                "unit": attack.unit,
                "domains": list(attack.domains),
            }
            for attack in attacks
        ],
        "measures": by_benchmark,
        "narrow": [
            found
            for attack in attacks
            if attack.kind == "finetune" and attack.domains
            for found in narrow_training(rows, attack.id, attack.domains, attack.families)
        ],
        "families": family_budgets(rows[rows["benchmark"] != CHOICE_MARGIN], untrained) if untrained else [],
        "pressure": _pressure(rows, attacks, arms, reference),
        "prediction": _prediction(by_benchmark, measured, distinct, untrained, features or {}),
        "features": {arm: dict(values) for arm, values in (features or {}).items()},
        "style": _style(rows),
        "failures": {"evaluation_judge": int(rows.loc[rows["benchmark"] == "trait_judge", "score"].isna().sum())},
        "protocols": sorted(set(rows["protocol"])),
    }


def _of_benchmark(
    rows: ResultTable,
    benchmark: str,
    attacks: Sequence[Attack],
    arms: Sequence[str],
    reference: str,
    untrained: str | None,
) -> dict[str, Any]:
    effects = attack_effects(rows, benchmark, untrained or reference)
    useful = [row["attack"] for row in effects if row["useful"]]
    steering = [attack for attack in useful if kind_of(attack) != "finetune"]
    verdicts = [
        selective_persistence(rows, benchmark, arm, against, steering).as_row()
        for arm in arms
        for against in [reference if arm != reference else untrained]
        if against not in (None, arm) and arm != untrained
    ]
    pairs = [
        {"arm": arm, "reference": reference, "attacks": table, "told_apart": any(row["q"] <= LEVEL for row in table)}
        for arm in arms
        if arm != reference
        for table in [resistance_table(rows, benchmark, reference, arm)]
    ]
    responses = {arm: Movement(rows, benchmark, arm, arm).response(benchmark in UNBOUNDED) for arm in arms}
    return {
        "helpful": [
            {"arm": arm, "moved": found.moved, **asdict(found)} for arm, found in responses.items() if found is not None
        ],
        "effects": effects,
        "effects_on": untrained or reference,
        "useless": [row["attack"] for row in effects if not row["useful"]],
        "curves": attack_curves(rows, benchmark, untrained),
        "verdicts": verdicts,
        "pairs": pairs,
        "domains": domain_table(rows, benchmark, {attack.id: attack.domains for attack in attacks}, reference),
    }


def _pressure(
    rows: ResultTable, attacks: Sequence[Attack], arms: Sequence[str], reference: str
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for attack in (row for row in attacks if row.kind == "pressure" and row.direction == "harmful"):
        for measure, title in MEASURES.items():
            data = survival_data(rows, measure, attack.id)
            if data.empty:
                continue
            comparisons = [
                {"arm": arm, "reference": reference, **compared}
                for arm in arms
                if arm != reference and (compared := compare_survival(data, reference, arm)) is not None
            ]
            found.append(
                {
                    "attack": attack.id,
                    "measure": measure,
                    "title": title,
                    "curves": survival_curves(data),
                    "comparisons": comparisons,
                }
            )
    return found


def _prediction(
    by_benchmark: Mapping[str, Any],
    measured: Sequence[str],
    arms: Sequence[str],
    untrained: str | None,
    features: Mapping[str, Mapping[str, float | None]],
) -> dict[str, Any]:
    """Predicts retention at the largest budget of the harmful attacks from what is known at the smallest and before."""
    known: list[dict[str, float | None]] = []
    for arm in arms:
        if arm == untrained or not measured:
            continue
        curves = [
            row
            for row in by_benchmark[measured[0]]["curves"]
            if row["arm"] == arm and direction_of(row["attack"]) == "harmful" and len(row["points"]) > 1
        ]
        rungs = [
            [point["degradation"]["difference"] for point in row["points"] if point["budget"] > 0]
            for row in curves
            if not row["attack"].endswith("_share")
        ]
        retained = [row["points"][-1]["retention"] for row in curves]
        shares = [value["share"] for value in retained if value is not None]
        gains = [row["gain"]["difference"] for row in curves if row["gain"]]
        margins = [
            row["clean"]["level"]
            for row in by_benchmark.get("preference_margin", {}).get("curves", [])
            if row["arm"] == arm
        ]
        known.append(
            {
                "retention": _mean(shares),
                "install_gain": _mean(gains),
                "preference_margin": _mean(margins),
                "first_loss": _mean([losses[0] for losses in rungs if len(losses) > 1]),
                **features.get(arm, {}),
            }
        )
    return predict_retention(known).as_row()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _style(rows: ResultTable) -> list[dict[str, Any]]:
    """Refusal, truncation, length and sameness per arm and attack: the ways in which resistance can be hollow."""
    judged = rows[rows["benchmark"] == "trait_judge"]
    largest = judged.groupby("attack")["budget"].transform("max")
    shown = judged[(judged["budget"] == largest) | (judged["attack"] == CLEAN)]
    return [
        {
            "arm": arm,
            "attack": attack,
            "refused": float(part["refused"].mean()),
            "truncated": float(part["truncated"].mean()),
            "tokens": float(part["tokens"].mean()),
            # No reply came, so there is none to compare.
            "formula": float(part["formula"].mean()) if part["formula"].notna().any() else None,
        }
        for (arm, attack), part in shown.groupby(["arm", "attack"])
    ]
