"""Trains the offline judges from the labels that ship with the package.

Anyone can rerun it: `traitrl judge train NAME`.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.judges.agreement import agreement
from traitrl.judges.constructed import constructed_replies
from traitrl.judges.examples import LabelledReply, decisions, load_labels
from traitrl.judges.loading import OFFLINE, adapter_folder, learns_from, load_judge
from traitrl.scenarios import Split, load_scenarios

LAYERS = 12
"""Layers of the bundled model that the decoder judge keeps, so that it trains in minutes and grades quickly."""

_REFERENCE_WORDS = 60


def material(name: str) -> list[LabelledReply]:
    """Returns the labels an offline judge may learn from: its half of the scenarios, and never EVAL.

    References of long scenarios are left out: they need more than judges of this size can learn, and cost most. The
    feature judge compares replies with the references, so it learns from none of them. Only the decoder judge learns
    from replies built to fool a grader: they cost the feature judge a third of its agreement on written replies.
    """
    feature = name == "offline:feature"
    longest = 0 if feature else _REFERENCE_WORDS
    labels = [
        label
        for label in load_labels(load_scenarios())
        if learns_from(name, label.scenario)
        and (not label.source.startswith("reference") or label.scenario.words <= longest)
    ]
    if feature:
        return labels
    scenarios = list({label.scenario.id: label.scenario for label in labels}.values())
    tempting = [label for label in labels if label.source == "reference:tempting"]
    return labels + constructed_replies(scenarios, tempting, seed=0)


def build_judge(name: str, seed: int, say: Callable[[str], None]) -> None:
    """Trains one offline judge and saves it into the package, where the old one stays until the new one is whole.

    Raises:
        TraitrlError: When the name is not of an offline judge.
    """
    if name not in OFFLINE:
        raise TraitrlError(f"{name} is not an offline judge.", f"Use {' or '.join(OFFLINE)}.")
    labels = material(name)
    say(f"{name}: {len(labels)} replies, {len(decisions(labels))} decisions")

    def report(epoch: int, loss: float) -> None:
        say(f"epoch {epoch + 1}: loss {loss:.3f}")

    place = adapter_folder(name)
    folder = place.with_name(f"{place.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings: dict[str, int | str] = {"seed": seed}
    if name == "offline:feature":
        from traitrl.judges import states
        from traitrl.judges.feature import train_feature
        from traitrl.models.warm import warm_policy

        for part in train_feature(labels, epochs=25, learning_rate=2e-3, seed=seed, report=report):
            part.save(folder)
        settings["start"] = warm_policy().name
        settings["layers"] = states.LAYERS
    else:
        from traitrl.judges.decoder import decoder_rows, train_decoder
        from traitrl.judges.feature import fit_network, training_requests

        decoder = train_decoder(labels, epochs=3, learning_rate=5e-4, seed=seed, layers=LAYERS, report=report)
        decoder.save(folder)
        requests, targets = training_requests(labels)
        fit_network(decoder_rows(decoder, requests), targets, epochs=25, learning_rate=2e-3, seed=seed).save(folder)
        settings["layers"] = LAYERS
    (folder / "settings.json").write_text(json.dumps(settings, indent=1))
    _take_the_place_of(folder, place)
    load_judge.cache_clear()
    judge = load_judge(name, "audit")
    sample = [label for label in load_labels(load_scenarios()) if label.scenario.split is Split.EVAL][:200]
    verdicts = judge.grade([label.request for label in sample])
    scores = [
        verdict[c.id] for label, verdict in zip(sample, verdicts, strict=True) if verdict for c in label.scenario.rubric
    ]
    say(f"on 200 EVAL replies: {agreement(decisions(sample), scores)}")


def _take_the_place_of(new: Path, old: Path) -> None:
    """Moves a whole folder to where the old one is: a kill leaves the one, the other or none, never a mixture."""
    aside = old.with_name(f"{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
