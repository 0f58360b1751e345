from dataclasses import replace

import numpy as np
import pytest

from traitrl.judges.examples import LabelledReply, load_labels
from traitrl.judges.reading import read_states, style
from traitrl.judges.states import ReplyProbe, fit_probe
from traitrl.scenarios import load_scenarios

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def labels():
    return [label for label in load_labels(load_scenarios()) if label.lean is not None][:400]


@pytest.fixture(scope="module")
def states(labels):
    """States of which one direction is the lean, another the sense, and the rest is noise."""
    noise = np.random.default_rng(0).normal(size=(len(labels), 1152)).astype(np.float32)
    noise[:, 3] = [label.lean for label in labels]
    noise[:, 7] = [label.sense for label in labels]
    return noise


def texts(labels):
    return [label.reply for label in labels]


def correlation(values, labels, name):
    """Correlation with what style does not explain of a rating."""
    looks = np.array([[1.0, *style(label.reply)] for label in labels])
    rating = np.array([float(getattr(label, name)) for label in labels])
    return np.corrcoef(values, rating - looks @ np.linalg.lstsq(looks, rating, rcond=None)[0])[0, 1]


def test_lean_and_sense_are_found_in_the_states(labels, states):
    probe, apart = fit_probe(labels, states)
    assert correlation(probe.read(states, texts(labels))[:, 0], labels, "lean") > 0.9
    assert correlation(apart[:, 0], labels, "lean") > 0.3, "also on scenarios that a fold did not see"
    assert correlation(apart[:, 1], labels, "sense") > 0.3


def test_style_alone_moves_nothing(labels, states):
    """Lean that is negation and nothing else: a policy could earn it by opening with "Don't"."""
    negations = [style(label.reply)[3] for label in labels]
    shallow = [replace(label, lean=2 if count else -2) for label, count in zip(labels, negations, strict=True)]
    copied = states.copy()
    copied[:, 3] = [label.lean for label in shallow]
    probe, _ = fit_probe(shallow, copied)
    assert abs(np.corrcoef(probe.read(copied, texts(labels))[:, 0], negations)[0, 1]) < 0.1


def test_a_fold_never_reads_the_scenarios_it_learnt_from(labels):
    """States that give away the scenario, and nothing else: whoever saw its other replies knows their lean."""
    names = sorted({label.scenario.id for label in labels})
    lean = {name: float(number % 2) * 4 - 2 for number, name in enumerate(names)}
    marked = [replace(label, lean=int(lean[label.scenario.id])) for label in labels]
    states = np.zeros((len(labels), 1152), dtype=np.float32)
    for row, label in enumerate(labels):
        states[row, names.index(label.scenario.id)] = 1
    probe, apart = fit_probe(marked, states)
    assert correlation(probe.read(states, texts(labels))[:, 0], marked, "lean") > 0.9
    assert abs(correlation(apart[:, 0], marked, "lean")) < 0.3


def test_written_replies_teach_by_their_kind_and_unrated_ones_not_at_all(labels, states):
    unrated = [replace(label, lean=None, sense=None) for label in labels]
    written: list[LabelledReply] = [
        replace(label, source="written:good" if row[3] > 0 else "written:along", sense=2)
        for label, row in zip(unrated, states, strict=True)
    ]
    meant = [replace(label, lean=2 if row[3] > 0 else -2) for label, row in zip(labels, states, strict=True)]
    probe, _ = fit_probe(written, states)
    assert correlation(probe.read(states, texts(labels))[:, 0], meant, "lean") > 0.7


def test_a_probe_reads_the_same_after_saving(labels, states, tmp_path):
    probe, _ = fit_probe(labels, states)
    probe.save(tmp_path)
    assert ReplyProbe.load(tmp_path).read(states, texts(labels)) == pytest.approx(
        probe.read(states, texts(labels)), abs=1e-4
    )


def test_each_criterion_gets_the_readings_of_its_reply(labels):
    request = labels[0].request
    rows = read_states([request, request], np.array([[1.5, 2.0], [-1.0, 1.0]]))
    signs = [np.sign(criterion.points) for criterion in request.rubric]
    assert rows.shape == (2 * len(signs), 3)
    assert rows[: len(signs), 2] == pytest.approx([1.5 * sign for sign in signs])
    assert set(rows[len(signs) :, 0]) == {-1.0}
