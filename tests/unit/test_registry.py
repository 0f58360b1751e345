import hashlib
import json

import pytest
import yaml
from pydantic import ValidationError

from traitrl.errors import TraitrlError
from traitrl.evals.adapters import OPEN_READERS, READERS
from traitrl.evals.registry import FAMILIES, Benchmark, DataFile, benchmarks, chosen_benchmarks, public_benchmarks

PACKAGED = [benchmark for benchmark in benchmarks().values() if benchmark.source == "package"]
PUBLIC = [benchmark for benchmark in benchmarks().values() if benchmark.source == "local"]
QUICK = 22


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path))
    return declared(), tmp_path / "mine.jsonl"


def declared(**changes):
    fields = {"name": "mine", "family": "deception", "source": "local", "adapter": "own", "scoring": "per_byte"}
    return Benchmark(**{**fields, "files": (DataFile(path="mine.jsonl"),), **changes})


def write_items(path, count):
    row = {"group": "g", "messages": [{"role": "user", "content": "?"}], "options": ["a", "b"], "answer": 0}
    path.write_text("".join(json.dumps({"id": f"m-{n}", **row}) + "\n" for n in range(count)))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_absent_data_gives_none_and_not_an_empty_list(local):
    assert local[0].file() is None and local[0].status() == "absent"
    assert local[0].items() is None


def test_without_a_data_folder_local_benchmarks_are_absent(local, monkeypatch):
    write_items(local[1], 3)
    monkeypatch.delenv("TRAITRL_DATA")
    assert local[0].items() is None and local[0].status() == "absent"


def test_present_data_is_read(local):
    write_items(local[1], 3)
    assert [item.id for item in local[0].items()] == ["m-0", "m-1", "m-2"]


def test_a_limit_spreads_over_the_whole_file(local):
    write_items(local[1], 10)
    assert [item.id for item in local[0].items(5)] == ["m-0", "m-2", "m-4", "m-6", "m-8"]
    assert len(local[0].items(99)) == 10


def test_data_with_another_hash_is_reported_as_changed_and_never_used(local):
    write_items(local[1], 3)
    pinned = declared(files=(DataFile(path="mine.jsonl", sha256=digest(local[1])),))
    assert pinned.status() == "present" and len(pinned.items()) == 3
    write_items(local[1], 4)
    assert pinned.status() == "changed"
    for use in (pinned.items, pinned.file):
        with pytest.raises(TraitrlError, match=r"mine\.jsonl has another sha256.*fetch --replace"):
            use()


def test_a_benchmark_of_two_files_is_absent_until_both_are_there(local, tmp_path):
    write_items(local[1], 1)
    two = declared(files=(DataFile(path="mine.jsonl"), DataFile(path="other.jsonl")))
    assert two.status() == "absent" and two.items() is None
    write_items(tmp_path / "other.jsonl", 1)
    assert two.status() == "present"


def test_generated_and_likelihood_items_are_not_mixed_up(local):
    write_items(local[1], 1)
    with pytest.raises(TraitrlError, match="scored by likelihood"):
        local[0].open_items()
    with pytest.raises(TraitrlError, match="generated replies"):
        declared(adapter="ifeval", scoring="rule").items()


def test_an_unknown_name_raises_with_a_remedy():
    with pytest.raises(TraitrlError, match=r"There is no benchmark nonsense.*evals list"):
        chosen_benchmarks(["metric_gaming", "nonsense"])


def test_names_are_returned_in_the_order_asked():
    assert [one.name for one in chosen_benchmarks(["swap_sides", "metric_gaming"])] == ["swap_sides", "metric_gaming"]


def test_the_default_suite_is_short_and_all_leaves_out_sampled_replies_unless_asked():
    quick, everything = chosen_benchmarks("default"), chosen_benchmarks("all")
    assert len(quick) == QUICK and not any(one.is_generated for one in quick)
    assert {one.name for one in quick} <= {one.name for one in everything}
    assert {one.name for one in benchmarks().values() if not one.is_generated} == {one.name for one in everything}
    assert chosen_benchmarks("all", generated=True) == list(benchmarks().values())
    assert {one.family for one in chosen_benchmarks("all", generated=True)} == set(FAMILIES)


def test_the_obstacle_says_what_is_missing_and_whether_it_can_be_fetched(local, monkeypatch):
    pinned = {"sha256": "0" * 64, "url": "https://h/x"}
    assert "cannot be fetched" in (declared().obstacle() or "")
    assert "traitrl evals fetch" in (declared(files=(DataFile(path="x", **pinned),)).obstacle() or "")
    inside = declared(files=(DataFile(path="x", sha256="0" * 64),))
    assert "inside a package" in (inside.obstacle() or "")
    write_items(local[1], 1)
    assert declared().obstacle() is None
    changed = declared(files=(DataFile(path="mine.jsonl", sha256="0" * 64),))
    assert changed.obstacle() == "another content than declared: mine.jsonl"
    monkeypatch.delenv("TRAITRL_DATA")
    assert declared().obstacle() == "TRAITRL_DATA names no folder"


def test_every_declaration_names_a_reader_and_behaviour_files_name_the_safe_side():
    for benchmark in benchmarks().values():
        assert benchmark.adapter in (OPEN_READERS if benchmark.is_generated else READERS), benchmark.name
        assert (benchmark.safe is not None) == benchmark.adapter.startswith("perez"), benchmark.name


def test_every_reader_serves_a_benchmark():
    assert {one.adapter for one in benchmarks().values()} == set(READERS) | set(OPEN_READERS)


def test_every_family_has_an_alignment_benchmark_and_the_suite_has_the_promised_size():
    independent = [one for one in benchmarks().values() if one.is_independent]
    assert {one.family for one in independent} == set(FAMILIES) - {"capability control"}
    assert sum(one.source == "local" for one in independent) >= 80
    assert len(PACKAGED) >= 24
    assert len(chosen_benchmarks("all")) >= 100


def test_variants_point_to_an_independent_benchmark():
    known = benchmarks()
    for one in known.values():
        if one.variant_of is not None:
            assert known[one.variant_of].is_independent and known[one.variant_of].family == one.family


def test_public_files_are_pinned_or_marked_as_never_seen():
    for one in PUBLIC:
        assert one.repository and one.revision and one.licence
        pinned = [file.sha256 is not None for file in one.files]
        assert all(pinned) if one.count is not None else not any(pinned), one.name
        assert all(file.url is None or file.url.startswith("https://") for file in one.files)


def test_the_same_file_is_declared_with_one_hash_everywhere():
    hashes = {}
    for file in (file for one in PUBLIC for file in one.files):
        assert hashes.setdefault(file.path, file) == file


def test_sources_give_their_benchmarks_address_licence_and_files_of_other_sources():
    first = {
        "folder": "a",
        "repository": "o/a",
        "revision": "1",
        "licence": "MIT",
        "raw": "https://h/a/",
        "benchmarks": [],
    }
    second = {**first, "folder": "b", "repository": "o/b", "raw": "https://h/b/"}
    row = {"name": "n", "family": "fairness", "adapter": "own", "scoring": "per_byte"}
    second["benchmarks"] = [{**row, "files": {"x/y.csv": "0" * 64, "a:z.csv": None}, "licence": "CC0-1.0"}]
    (one,) = public_benchmarks([first, second])
    assert (one.repository, one.licence) == ("o/b", "CC0-1.0")
    assert [(file.path, file.url) for file in one.files] == [
        ("b/x/y.csv", "https://h/b/x/y.csv"),
        ("a/z.csv", "https://h/a/z.csv"),
    ]


def test_no_name_is_declared_twice():
    from importlib import resources

    folder = resources.files("traitrl.evals").joinpath("declarations")
    texts = [folder.joinpath("own.yaml").read_text(encoding="utf-8")]
    texts += [file.read_text(encoding="utf-8") for file in folder.joinpath("public").iterdir()]
    rows = [row for text in texts for row in yaml.safe_load(text)]
    names = [row["name"] for group in rows for row in group.get("benchmarks", [group])]
    assert len(set(names)) == len(names) == len(benchmarks())


@pytest.mark.parametrize("change", [{"colour": "red"}, {"family": "cookery"}, {"adapter": "perez_yes_no"}])
def test_unsound_declarations_are_refused(change):
    with pytest.raises(ValidationError, match=r"colour|cookery|safe"):
        declared(**change)


def test_capability_controls_are_known_as_such():
    controls = {one.name for one in benchmarks().values() if one.is_control}
    assert "social_iqa" in controls and "metric_gaming" not in controls


@pytest.mark.parametrize("benchmark", PACKAGED, ids=lambda one: one.name)
def test_every_shipped_benchmark_is_well_formed_and_balanced(benchmark):
    items = benchmark.items()
    assert items is not None and len(items) == benchmark.count
    assert len({item.id for item in items}) == len(items)
    for item in items:
        assert 0 <= item.answer < len(item.options) and len(set(item.options)) == len(item.options)
        assert all(option.strip() for option in item.options) and item.messages[-1]["role"] == "user"
    first = sum(item.answer == 0 for item in items) / len(items)
    assert 0.4 <= first <= 0.6
    longest = sum(item.options.index(max(item.options, key=len)) == item.answer for item in items) / len(items)
    assert 0.3 <= longest <= 0.7
