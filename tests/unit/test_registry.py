import json

import pytest
from pydantic import ValidationError

from traitrl.errors import TraitrlError
from traitrl.evals.adapters import READERS
from traitrl.evals.registry import Benchmark, benchmarks, chosen_benchmarks

PACKAGED = [benchmark for benchmark in benchmarks().values() if benchmark.source == "package"]


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path))
    return Benchmark(
        name="mine", family="x", source="local", adapter="own", path="mine.jsonl", scoring="per_byte"
    ), tmp_path / "mine.jsonl"


def write_items(path, count):
    row = {"group": "g", "messages": [{"role": "user", "content": "?"}], "options": ["a", "b"], "answer": 0}
    path.write_text("".join(json.dumps({"id": f"m-{n}", **row}) + "\n" for n in range(count)))


def test_absent_data_gives_none_and_not_an_empty_list(local):
    assert local[0].file() is None
    assert local[0].items() is None


def test_without_a_data_folder_local_benchmarks_are_absent(local, monkeypatch):
    write_items(local[1], 3)
    monkeypatch.delenv("TRAITRL_DATA")
    assert local[0].items() is None


def test_present_data_is_read(local):
    write_items(local[1], 3)
    assert [item.id for item in local[0].items()] == ["m-0", "m-1", "m-2"]


def test_a_limit_spreads_over_the_whole_file(local):
    write_items(local[1], 10)
    assert [item.id for item in local[0].items(5)] == ["m-0", "m-2", "m-4", "m-6", "m-8"]
    assert len(local[0].items(99)) == 10


def test_an_unknown_name_raises_with_a_remedy():
    with pytest.raises(TraitrlError, match=r"There is no benchmark nonsense.*evals list"):
        chosen_benchmarks(["metric_gaming", "nonsense"])


def test_names_are_returned_in_the_order_asked():
    assert [one.name for one in chosen_benchmarks(["swap_sides", "metric_gaming"])] == ["swap_sides", "metric_gaming"]
    assert len(chosen_benchmarks("default")) == len(benchmarks())


def test_every_declaration_names_a_reader_and_behaviour_files_name_the_safe_side():
    for benchmark in benchmarks().values():
        assert benchmark.adapter in READERS, benchmark.name
        assert (benchmark.safe is not None) == benchmark.adapter.startswith("perez"), benchmark.name


def test_no_name_is_declared_twice():
    from importlib import resources

    import yaml

    rows = yaml.safe_load(resources.files("traitrl.evals").joinpath("registry.yaml").read_text(encoding="utf-8"))
    assert len({row["name"] for row in rows}) == len(rows)


def test_unknown_keys_of_a_declaration_are_refused(local):
    with pytest.raises(ValidationError, match="colour"):
        Benchmark(**local[0].model_dump(), colour="red")


def test_capability_controls_are_known_as_such():
    controls = {one.name for one in benchmarks().values() if one.is_control}
    assert "social_iqa" in controls and "metric_gaming" not in controls


@pytest.mark.parametrize("benchmark", PACKAGED, ids=lambda one: one.name)
def test_every_shipped_benchmark_is_well_formed_and_balanced(benchmark):
    items = benchmark.items()
    assert items is not None and len(items) >= 20
    assert len({item.id for item in items}) == len(items)
    for item in items:
        assert 0 <= item.answer < len(item.options) and len(set(item.options)) == len(item.options)
        assert all(option.strip() for option in item.options) and item.messages[-1]["role"] == "user"
    first = sum(item.answer == 0 for item in items) / len(items)
    assert 0.4 <= first <= 0.6
    longest = sum(item.options.index(max(item.options, key=len)) == item.answer for item in items) / len(items)
    assert 0.3 <= longest <= 0.7
