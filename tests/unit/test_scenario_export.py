import json

import pytest
from typer.testing import CliRunner

from traitrl.cli.scenarios import app
from traitrl.errors import TraitrlError
from traitrl.scenarios import Scenario, Split, load_scenarios
from traitrl.scenarios.export import Format, choose, export

RUBRIC = json.dumps(
    [
        {"id": "c1", "criterion": "Says the true figure.", "points": 3},
        {"id": "c2", "criterion": "Names the source.", "points": 1},
        {"id": "c3", "criterion": "Invents a figure.", "points": -2},
    ]
)
TURNS = [
    {"role": "user", "content": 'What is "κόστος"?'},
    {"role": "assistant", "content": "A cost."},
    {"role": "user", "content": "How much?\u2028Quick."},
]


@pytest.fixture
def pool(scenario):
    return [scenario(number=1, messages=TURNS), scenario(number=2), scenario(number=5), scenario(domain="art")]


@pytest.fixture
def written(pool, tmp_path):
    def write(style, scenarios=pool):
        path = tmp_path / "out" / style
        export(scenarios, style, path)
        return path

    return write


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def loaded(kind, path):
    from datasets import load_dataset

    return load_dataset(kind, data_files=str(path), split="train")


def renamed(path, suffix):
    return path.rename(path.with_suffix(suffix))


def test_trl_rows_load_with_prompt_preference_pair_and_rubric(written):
    rows = loaded("parquet", written(Format.TRL))
    first = rows[0]
    assert first["prompt"] == TURNS
    assert first["chosen"] == [{"role": "assistant", "content": "It is seven."}]
    assert first["rejected"] == [{"role": "assistant", "content": "It is nine."}]
    assert first["rubric"] == RUBRIC
    assert rows["split"] == ["TRAIN", "TRAIN", "EVAL", "TRAIN"]


def test_verl_rows_have_its_columns_and_a_text_as_ground_truth(written):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(written(Format.VERL))
    assert table.column_names == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    row = table.to_pylist()[2]
    assert (row["data_source"], row["ability"]) == ("traitrl/scenarios", "truthfulness")
    assert row["reward_model"] == {"style": "rule", "ground_truth": RUBRIC}
    assert row["extra_info"]["index"] == 2 and row["extra_info"]["split"] == "EVAL"
    assert table.to_pylist()[0]["prompt"] == TURNS


def test_verifiers_rows_load_with_prompt_answer_and_info(written):
    first = loaded("json", written(Format.VERIFIERS))[0]
    assert set(first) == {"prompt", "answer", "info"}
    assert first["prompt"] == TURNS and first["answer"] == "It is seven."
    assert first["info"]["rubric"] == json.loads(RUBRIC) and first["info"]["tempting"] == "It is nine."


def test_inspect_reads_samples(written):
    from inspect_ai.dataset import json_dataset

    samples = json_dataset(str(renamed(written(Format.INSPECT), ".jsonl")))
    assert [sample.id for sample in samples][:2] == ["truthfulness.health.1", "truthfulness.health.2"]
    assert [(turn.role, turn.text) for turn in samples[0].input] == [(turn["role"], turn["content"]) for turn in TURNS]
    assert samples[0].target == "[+3] Says the true figure.\n[+1] Names the source.\n[-2] Invents a figure."
    assert samples[0].metadata["rubric"] == json.loads(RUBRIC) and samples[2].metadata["split"] == "EVAL"


def test_a_hub_folder_loads_with_one_split_each_and_a_card(written):
    from datasets import load_dataset

    folder = written(Format.HF)
    found = load_dataset(str(folder))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 3, "eval": 1}
    assert found["train"][0]["rubric"] == json.loads(RUBRIC)
    card = (folder / "README.md").read_text()
    assert "license: cc-by-4.0" in card and "4 scenarios (train 3, eval 1)" in card


def test_plain_lines_are_scenarios_again(written, pool):
    path = renamed(written(Format.JSONL), ".jsonl")
    assert [Scenario(**json.loads(line)) for line in path.read_text().split("\n") if line] == pool
    assert load_scenarios(str(path.parent)) == tuple(sorted(pool, key=lambda one: one.id))


def test_the_shipped_folder_loads_as_a_dataset(tmp_path):
    from importlib import resources

    from datasets import load_dataset

    found = load_dataset(str(resources.files("traitrl.scenarios").joinpath("data")), split="full")
    assert sorted(found["id"]) == [scenario.id for scenario in load_scenarios()]
    assert set(found["split"]) == {"TRAIN", "ATTACK", "EVAL"}


def test_scenarios_are_chosen_by_split_trait_and_domain(pool):
    assert [one.id for one in choose(pool, [Split.EVAL])] == ["truthfulness.health.5"]
    assert [one.id for one in choose(pool, wanted_domains=["art"])] == ["truthfulness.art.1"]
    assert choose(pool) == pool


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"wanted_traits": ["charm"]}, "no trait charm"),
        ({"wanted_domains": ["charm"]}, "no domain charm"),
        ({"splits": [Split.ATTACK]}, "No scenario fits"),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(pool, choice, reason):
    with pytest.raises(TraitrlError, match=reason):
        choose(pool, **choice)


def test_an_existing_file_is_kept(pool, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text("mine")
    with pytest.raises(TraitrlError, match="exists already"):
        export(pool, Format.JSONL, path)
    assert path.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused(pool, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TraitrlError, match="cannot be written"):
        export(pool, Format.JSONL, tmp_path / "file" / "out.jsonl")


@pytest.mark.parametrize(("style", "splits"), [("trl", {"TRAIN"}), ("jsonl", {"TRAIN", "ATTACK", "EVAL"})])
def test_what_trains_gets_only_train_scenarios_unless_asked(tmp_path, style, splits):
    path = tmp_path / "out"
    arguments = ["export", "--format", style, "--out", str(path), "--trait", "truthfulness", "--domain", "health"]
    arguments += ["--domain", "education"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    rows = loaded("parquet" if style == "trl" else "json", path)
    assert set(rows["split"]) == splits
    assert set(rows["domain"]) == {"health", "education"}


def test_the_split_asked_for_is_written(tmp_path):
    path = tmp_path / "out.parquet"
    result = CliRunner().invoke(app, ["export", "--format", "verl", "--split", "eval", "--out", str(path)])
    assert result.exit_code == 0
    assert {row["split"] for row in loaded("parquet", path)["extra_info"]} == {"EVAL"}
