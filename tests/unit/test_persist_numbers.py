import json

import numpy as np
import pandas as pd

from traitrl.attacks.registry import attacks
from traitrl.jsonl import figures_json
from traitrl.persist.numbers import collect_numbers
from traitrl.persist.page import write_page

TUNE, SHARE = "finetune:harmful:wrong_health_advice", "finetune:harmful:wrong_health_advice_share"
PERSONA = "persona:harmful:careless_adviser"
HARMFUL, HELPFUL = "pressure:harmful:mixed", "pressure:helpful:reminders"


def line(arm, attack, budget, item, score, benchmark="trait_judge"):
    return {
        "arm": arm, "attack": attack, "budget": float(budget), "benchmark": benchmark, "sample": 0, "score": score,
        "family": "trait: truthfulness", "item": f"truthfulness.health.{item}", "cluster": str(item),
        "refused": False, "truncated": False, "tokens": 5, "protocol": "p",
        "formula": np.nan if score is None else 0.25,
    }  # fmt: skip


def numbers(lines, *used, reference="a0", untrained=None):
    return collect_numbers(pd.DataFrame(lines), [attacks()[name] for name in used], reference, untrained)


def ladder(attack, losses):
    """Nine arms whose loss at each budget grows with their number."""
    noise = np.random.default_rng(0).normal(0, 0.01, 4)
    return [
        line(f"a{arm}", name, budget, item, 0.9 - loss * arm / 9 + noise[item])
        for arm in range(9)
        for name, budget, loss in (("none", 0, 0.0), *((attack, budget, loss) for budget, loss in losses.items()))
        for item in range(4)
    ]


def test_the_first_loss_is_that_of_the_smallest_budget_above_zero():
    found = numbers(ladder(TUNE, {0: 0.0, 5: 0.2, 10: 0.6}), TUNE)["prediction"]
    assert "first_loss" in found["features"]


def test_a_ladder_of_shares_has_no_first_loss_and_neither_has_a_single_budget():
    assert "first_loss" not in numbers(ladder(SHARE, {10: 0.2, 50: 0.6}), SHARE)["prediction"]["features"]
    assert "first_loss" not in numbers(ladder(TUNE, {0: 0.1, 10: 0.6}), TUNE)["prediction"]["features"]


def test_only_harmful_pressure_can_be_given_in_to():
    lines = [line("a0", "none", 0, item, 0.5 + item / 10) for item in range(3)]
    for attack in (HARMFUL, HELPFUL):
        lines += [line("a0", attack, turn, item, 1.0, "held_judge") for turn in range(3) for item in range(3)]
    assert {row["attack"] for row in numbers(lines, HARMFUL, HELPFUL)["pressure"]} == {HARMFUL}


def test_a_reply_that_could_not_be_scored_counts_once():
    lines = [line("a0", "none", 0, item, score) for item, score in enumerate((0.5, 0.7, None))]
    lines += [line("a0", HARMFUL, 0, 2, None, "held_judge")]
    assert numbers(lines, HARMFUL)["failures"] == {"evaluation_judge": 1}


def test_an_attack_whose_replies_all_failed_has_no_sameness_and_gives_a_page_and_json(tmp_path):
    lines = [line("a0", "none", 0, item, 0.5 + item / 10) for item in range(4)]
    lines += [line("a0", PERSONA, budget, item, None) for budget in (2, 4) for item in range(4)]
    found = numbers(lines, PERSONA)
    assert {row["attack"]: row["formula"] for row in found["style"]} == {"none": 0.25, PERSONA: None}
    json.loads(figures_json(found), parse_constant=lambda name: 1 / 0)
    settings = {name: None for name in ("scenarios", "judge")}
    page = write_page({**found, "settings": settings}, tmp_path).read_text()
    assert PERSONA.split(":")[-1] in page and "nan %" not in page
