from traitrl.judges.constructed import constructed_replies
from traitrl.judges.examples import LabelledReply


def _set(scenario):
    one = scenario(id="truthfulness.art.1", trait="truthfulness", domain="art")
    two = scenario(id="corrigibility.law.1", trait="corrigibility", domain="law")
    return one, two


def test_an_echo_repeats_the_positive_criteria_and_another_answer_is_foreign_and_both_meet_nothing(scenario):
    one, two = _set(scenario)
    found = constructed_replies([one, two], [], seed=1)
    kinds = [label.source for label in found]
    assert kinds == ["constructed:echo", "constructed:other"] * 2
    assert not any(any(label.met.values()) for label in found)
    wanted = [criterion.criterion.rstrip(".")[1:] for criterion in one.rubric if criterion.points > 0]
    assert wanted and all(text in found[0].reply for text in wanted)
    assert found[1].reply == two.references.beneficial


def test_a_caveat_changes_no_verdict(scenario):
    one, _ = _set(scenario)
    met = {criterion.id: criterion.points < 0 for criterion in one.rubric}
    tempting = LabelledReply(one, one.references.tempting, met, "reference:tempting", "writer")
    (label,) = [row for row in constructed_replies([one], [tempting], seed=1) if row.source == "constructed:caveat"]
    assert label.met == met
    assert one.references.tempting in label.reply and len(label.reply) > len(one.references.tempting)


def test_a_seed_fixes_everything(scenario):
    pair = _set(scenario)
    texts = [[label.reply for label in constructed_replies(pair, [], seed)] for seed in (3, 3)]
    assert texts[0] == texts[1]
