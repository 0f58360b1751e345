import pytest

from traitrl.errors import TraitrlError
from traitrl.tasks import StandardTask
from traitrl.training.schedule import (
    STANDARD,
    TRAIT,
    differing_places,
    read_schedule,
    replace_with_scenarios,
    replaced_places,
    standard_rows,
    write_schedule,
)


def baseline(count=200, per_step=8, text="Task {}?"):
    messages = [[{"role": "user", "content": text.format(index)}] for index in range(count)]
    tasks = [StandardTask(f"t{index}", "gcd", messages[index], "{}") for index in range(count)]
    return standard_rows(tasks, per_step)


@pytest.fixture
def pool(scenario):
    return [scenario(domain=domain, number=number) for domain in ("health", "art", "law") for number in (1, 2, 3)]


def test_baseline_fills_steps_slot_by_slot():
    rows = baseline(20, 8)
    assert [(row.step, row.slot) for row in rows] == [(index // 8, index % 8) for index in range(20)]
    assert {row.pool for row in rows} == {STANDARD}


@pytest.mark.parametrize("share", [0.05, 0.29, 0.5, 1.0])
def test_arms_differ_only_in_replaced_rows(pool, share):
    base = baseline()
    arm = replace_with_scenarios(base, pool, share, seed=3)
    places = differing_places(base, arm)
    assert places == replaced_places(200, share)
    assert all(arm[place].pool == TRAIT for place in places)
    assert [(row.step, row.slot) for row in arm] == [(row.step, row.slot) for row in base]


@pytest.mark.parametrize("share", [0.05, 0.29, 1 / 3, 0.5, 0.9])
def test_realised_share_is_within_one_row(pool, share):
    arm = replace_with_scenarios(baseline(), pool, share, seed=0)
    assert abs(sum(row.pool == TRAIT for row in arm) - 200 * share) < 1


@pytest.mark.parametrize("percent", [0, 1, 5, 7, 10, 29, 33, 50, 57, 99, 100])
def test_every_prefix_holds_the_rounded_down_share(percent):
    places = set(replaced_places(300, percent / 100))
    for k in range(301):
        assert sum(place < k for place in places) == k * percent // 100


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another(pool):
    base = baseline()
    first = replace_with_scenarios(base, pool, 0.25, seed=1)
    assert first == replace_with_scenarios(base, pool, 0.25, seed=1)
    assert first != replace_with_scenarios(base, pool, 0.25, seed=2)


def test_scenarios_repeat_only_after_all_were_used(pool):
    arm = replace_with_scenarios(baseline(), pool, 0.5, seed=0)
    drawn = [row.item for row in arm if row.pool == TRAIT]
    for start in range(0, len(drawn) - len(pool), len(pool)):
        assert len(set(drawn[start : start + len(pool)])) == len(pool)


def test_replacing_leaves_the_baseline_untouched(pool):
    base = baseline()
    replace_with_scenarios(base, pool, 0.5, seed=0)
    assert base == baseline()


def test_evaluation_scenarios_are_refused(pool, scenario):
    with pytest.raises(TraitrlError, match=r"outside TRAIN \(first: truthfulness\.health\.5\)"):
        replace_with_scenarios(baseline(), [*pool, scenario(number=5)], 0.1, seed=0)


@pytest.mark.parametrize(("rows", "share"), [(10, 0.05), (3, 0.5), (10, 1.5)])
def test_a_share_that_cannot_be_met_is_refused_with_the_nearest(pool, rows, share):
    with pytest.raises(TraitrlError, match=f"{share:.3f} cannot be met with {rows} prompts"):
        replace_with_scenarios(baseline(rows), pool, share, seed=0)


def test_a_positive_share_never_ends_without_any_trait_row(pool):
    with pytest.raises(TraitrlError, match="cannot be met"):
        replace_with_scenarios(baseline(100), pool, 0.005, seed=0)


def test_an_empty_choice_of_scenarios_is_refused(time_limit):
    with time_limit(1.0), pytest.raises(TraitrlError):
        replace_with_scenarios(baseline(), [], 0.5, seed=0)


def test_a_schedule_survives_the_round_trip_through_its_file(tmp_path, pool):
    arm = replace_with_scenarios(baseline(text="Grüße, „Ärger“?\nZwei {}"), pool, 0.25, seed=0)
    write_schedule(arm, tmp_path / "schedule.jsonl")
    assert read_schedule(tmp_path / "schedule.jsonl") == arm


@pytest.mark.parametrize("mark", ["\u2028", "\x85"])
def test_unicode_line_separators_survive_the_round_trip(tmp_path, mark):
    rows = baseline(2, text="one" + mark + "two {}")
    write_schedule(rows, tmp_path / "schedule.jsonl")
    assert read_schedule(tmp_path / "schedule.jsonl") == rows


def test_schedules_of_unlike_length_are_not_compared():
    with pytest.raises(ValueError, match="shorter"):
        differing_places(baseline(8), baseline(7))
