"""The bundled model and the shipped judges, for real."""

import pytest

from traitrl.judges.examples import decisions, judge_half, load_labels
from traitrl.judges.loading import OFFLINE, adapter_folder, load_judge
from traitrl.models.chat import prompt_ids
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.loading import end_id, load_model, load_tokenizer, resolve
from traitrl.scenarios import Split, load_scenarios

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def unseen():
    """Labelled replies of scenarios that a judge did not learn from, a spread of 60 per judge."""
    labels = [label for label in load_labels(load_scenarios()) if label.source.startswith("written")]
    halves = {
        name: [
            label
            for label in labels
            if label.scenario.split is Split.EVAL or judge_half(label.scenario.id) != OFFLINE.index(name)
        ]
        for name in OFFLINE
    }
    return {name: rows[:: max(1, len(rows) // 60)] for name, rows in halves.items()}


def test_the_bundled_model_answers_in_words():
    checkpoint = resolve("bundled")
    model, tokenizer = load_model(checkpoint), load_tokenizer(checkpoint)
    prompt = prompt_ids(tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    reply = sample_replies(model, [prompt], 1, Sampling(24, 0), [end_id(tokenizer)])[0]
    assert "Paris" in tokenizer.decode(reply)


@pytest.mark.parametrize("name", OFFLINE)
def test_a_shipped_judge_beats_keyword_overlap_on_unseen_scenarios(name, unseen):
    from traitrl.judges.agreement import agreement, best_threshold
    from traitrl.judges.trivial import trivial_probabilities

    labels = unseen[name]
    verdicts = load_judge(name, "audit").grade([label.request for label in labels])
    scores = [verdict[c.id] for label, verdict in zip(labels, verdicts, strict=True) for c in label.scenario.rubric]
    truth = decisions(labels)
    overlap = trivial_probabilities(labels)["keyword overlap"]
    # The trivial judge even gets its cut from the test labels themselves.
    assert agreement(truth, scores).kappa > agreement(truth, overlap, best_threshold(truth, overlap)).kappa


@pytest.mark.parametrize("name", OFFLINE)
def test_judges_are_small_enough_to_ship(name):
    assert sum(path.stat().st_size for path in adapter_folder(name).iterdir()) < 20_000_000
