from pathlib import Path

import pytest
import yaml

from traitrl.errors import TraitrlError
from traitrl.evals.registry import benchmarks
from traitrl.persist.lab_file import read_lab_file
from traitrl.persist.plan import PersistPlan

MIRROR = Path(__file__).parents[2] / "experiments" / "emergent_misalignment.yaml"


@pytest.fixture
def written(tmp_path):
    def write(data):
        path = tmp_path / "lab.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
        return path

    return write


def test_a_file_names_models_and_only_the_settings_that_it_sets(written):
    found = read_lab_file(
        written(
            {"models": ["a=./x"], "budgets": {"yes_man": [4]}, "finetune": {"finetune_batch": 2}, "max_words": None}
        )
    )
    assert found.models == ["a=./x"] and found.before is None and not found.repeat
    assert found.settings.keys() == {"budgets", "finetune", "max_words"}
    assert found.settings["budgets"] == {"yes_man": (4.0,)} and found.settings["finetune"].finetune_batch == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"models": ["a"], "scenarioz": 3}, "no key scenarioz"),
        ({"models": ["a"], "items": "many"}, "items"),
        ({"models": ["a"], "items": 0}, "items"),
        ({"models": ["a"], "scenarios": 0}, "scenarios"),
        ({"models": ["a"], "feature_scenarios": 0}, "feature_scenarios"),
        ({"models": ["a"], "max_words": 0}, "max_words"),
        ({"models": ["a"], "temperature": -1}, "temperature"),
        ({"models": ["a"], "finetune": {"stepz": 2}}, "finetune"),
        ({"models": [["a"]]}, "models"),
        ({"arms": []}, "names no models"),
        ("- a\n", "names no models"),
        ("models: [a", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_a_mendable_error_that_names_the_key(written, data, words):
    with pytest.raises(TraitrlError, match=words):
        read_lab_file(written(data))


def test_a_missing_file_is_a_mendable_error(tmp_path):
    with pytest.raises(TraitrlError, match="cannot be read"):
        read_lab_file(tmp_path / "none.yaml")


def test_budgets_must_lie_on_the_ladders_of_the_chosen_attacks():
    plan = PersistPlan(attacks=("yes_man", "reward_hacking"), budgets={"reward_hacking": (80.0, 5.0)})
    assert {attack.name: attack.budgets for attack in plan.chosen_attacks()} == {
        "yes_man": (1, 2, 3, 4),
        "reward_hacking": (5, 80),
    }
    for wrong in ({"yes_man": (5.0,)}, {"yes_man": ()}, {"flatterer": (4.0,)}):
        with pytest.raises(TraitrlError, match="is not run at the budgets"):
            PersistPlan(attacks=("yes_man",), budgets=wrong).chosen_attacks()


def test_the_mirror_experiment_is_narrow_in_training_and_wide_in_measurement():
    plan = PersistPlan(**read_lab_file(MIRROR).settings)
    attacks = {attack.name: attack for attack in plan.chosen_attacks()}
    assert {name: attack.budgets for name, attack in attacks.items()} == {
        "wrong_health_advice": (20, 80),
        "wrong_health_advice_share": (0, 100),
    }
    scenarios = plan.chosen_scenarios()
    assert len({row.domain for row in scenarios}) == 13 and len({row.trait for row in scenarios}) == 16
    chosen = {row.name for row in plan.chosen_benchmarks()}
    assert chosen == {row.name for row in benchmarks().values() if row.source == "package"}
    families = {row.family for row in plan.chosen_benchmarks()}
    assert set(attacks["wrong_health_advice"].families) < families and len(families) > 10


def test_a_plan_that_leaves_no_scenario_says_so():
    with pytest.raises(TraitrlError, match="No held-out scenario is left") as problem:
        PersistPlan(max_words=5).chosen_scenarios()
    assert "--max-words" in problem.value.remedy
