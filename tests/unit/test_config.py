from pathlib import Path

import pytest
import yaml

from traitrl.config import load_experiment
from traitrl.errors import TraitrlError

GOOD = {"name": "x", "arms": [{"name": "baseline"}, {"name": "trait", "trait_share": 0.5}]}
FOLDER = Path(__file__).parents[2] / "experiments"
LAB_FILES = [FOLDER / "emergent_misalignment.yaml"]
PRESETS = sorted(set(FOLDER.glob("*.yaml")) - set(LAB_FILES))


@pytest.fixture
def written(tmp_path):
    def write(data):
        path = tmp_path / "experiment.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
        return path

    return write


def test_a_small_file_is_filled_with_defaults(written):
    experiment = load_experiment(written(GOOD))
    assert [arm.trait_share for arm in experiment.arms] == [0.0, 0.5]
    assert experiment.training.steps == 200 and experiment.gates == "stop"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"trainng": {}}, "trainng"),
        ({"training": {"stepz": 3}}, r"training\.stepz"),
        ({"arms": [{"name": "b"}, {"name": "t", "share": 0.5}]}, r"arms\.1\.share"),
        ({"attacks": {"persona": []}}, r"attacks\.persona"),
        ({"training": {"steps": "many"}}, r"training\.steps"),
        ({"arms": [{"name": "b"}, {"name": "t", "trait_share": 1.5}]}, r"arms\.1\.trait_share"),
        ({"training": {"scale_rewards": "both"}}, r"training\.scale_rewards"),
    ],
)
def test_a_wrong_key_or_value_fails_with_its_dotted_name(written, changes, where):
    with pytest.raises(TraitrlError, match=rf"experiment\.yaml: {where}: "):
        load_experiment(written(GOOD | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"arms": [{"name": "t", "trait_share": 0.5}, {"name": "b"}]},
            "first arm must be the compute-matched baseline",
        ),
        ({"arms": []}, "first arm must be"),
        ({"arms": [{"name": "b"}, {"name": "b", "trait_share": 0.5}]}, "arm names must differ"),
        ({"judges": {"training": "a/b", "evaluation": "a/b"}}, "training and evaluation judge must differ"),
        ({"judges": {"training": "offline:decoder"}}, "training and evaluation judge must differ"),
    ],
)
def test_an_unsound_design_is_refused_in_words(written, changes, words):
    with pytest.raises(TraitrlError, match=words):
        load_experiment(written(GOOD | changes))


def test_dotted_overrides_replace_values_and_make_sections(written):
    overrides = {"training.steps": 7, "judges.evaluation": "openai/x", "model": "./m"}
    experiment = load_experiment(written(GOOD | {"training": {"steps": 5, "group_size": 3}}), overrides)
    assert (experiment.training.steps, experiment.training.group_size) == (7, 3)
    assert (experiment.judges.evaluation, experiment.model) == ("openai/x", "./m")


def test_an_override_with_a_typo_fails_with_its_dotted_name(written):
    with pytest.raises(TraitrlError, match=r"training\.stepz"):
        load_experiment(written(GOOD), {"training.stepz": 7})


def test_an_override_through_a_plain_value_is_a_mendable_error(written):
    with pytest.raises(TraitrlError):
        load_experiment(written(GOOD | {"model": "bundled"}), {"model.name": "x"})


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "only words"], ids=["empty", "list", "words"])
def test_a_file_that_is_not_a_mapping_is_a_mendable_error(written, text):
    with pytest.raises(TraitrlError):
        load_experiment(written(text))


def test_an_unknown_trait_or_domain_of_an_arm_is_refused(written):
    with pytest.raises(TraitrlError, match="truthfullness"):
        load_experiment(written(GOOD | {"arms": [{"name": "b"}, {"name": "t", "traits": ["truthfullness"]}]}))


def test_no_arm_may_take_the_name_of_the_model_before_rl(written):
    with pytest.raises(TraitrlError, match="before RL"):
        load_experiment(written(GOOD | {"arms": [{"name": "b"}, {"name": "before RL", "trait_share": 0.5}]}))


def test_broken_yaml_and_a_missing_file_are_mendable_errors(written, tmp_path):
    with pytest.raises(TraitrlError, match="not valid YAML"):
        load_experiment(written("name: [x"))
    with pytest.raises(TraitrlError, match="There is no file"):
        load_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_loads(path):
    assert load_experiment(path).name


def test_the_four_starting_points_differ_in_the_reward_alone():
    _, helpful, trait = load_experiment(FOLDER / "persistence.yaml").arms
    assert (helpful.reward, trait.reward) == ("helpful", "rubric")
    assert helpful.model_copy(update={"name": trait.name, "reward": trait.reward}) == trait


@pytest.mark.parametrize("name", ["a b", "a:b", "../a", "", "a.b", "ä"])
def test_an_arm_whose_name_is_no_folder_name_is_refused(written, name):
    with pytest.raises(TraitrlError, match="letters, digits, - and _ only"):
        load_experiment(written(GOOD | {"arms": [{"name": "b"}, {"name": name, "trait_share": 0.5}]}))


@pytest.mark.parametrize(("name", "words"), [("before-RL", "before RL"), ("Baseline", "must differ")])
def test_arms_that_would_share_a_folder_are_refused(written, name, words):
    with pytest.raises(TraitrlError, match=words):
        load_experiment(written(GOOD | {"arms": [{"name": "baseline"}, {"name": name, "trait_share": 0.5}]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.steps", 0), ("training.prompts_per_step", 0), ("training.group_size", 1),
        ("training.max_tokens", 0), ("training.temperature", 0), ("training.learning_rate", -1e-3),
        ("training.accumulation", 0), ("training.kl_weight", -0.1), ("training.save_every", 0),
        ("training.lora_rank", 0), ("evaluation.held_out_scenarios", 0), ("evaluation.max_words", 0),
        ("evaluation.samples", 0), ("evaluation.items_per_benchmark", 0), ("attacks.finetune_steps", []),
        ("attacks.finetune_steps", [0]), ("attacks.finetune_batch", 0), ("attacks.scenarios", 0),
    ],
)  # fmt: skip
def test_a_number_that_makes_no_sense_is_refused_by_name(written, key, value):
    with pytest.raises(TraitrlError, match=key.replace(".", r"\.")):
        load_experiment(written(GOOD), {key: value})


def test_parts_that_would_leave_replies_out_are_refused_with_those_that_fit(written):
    with pytest.raises(TraitrlError, match=r"5 does not divide the 24 replies.*take one of 1, 2, 3, 4, 6, 8, 12, 24"):
        load_experiment(
            written(GOOD | {"training": {"prompts_per_step": 6, "group_size": 4}}), {"training.accumulation": 5}
        )
    fitting = load_experiment(written(GOOD), {"training.accumulation": 16})
    assert fitting.training.accumulation == 16
