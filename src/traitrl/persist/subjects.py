"""The models of a lab run: who is attacked, who is the reference, and who stands for the time before training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitrl.compare.identity import ScoredModel, find_model
from traitrl.config import BEFORE, load_experiment
from traitrl.errors import TraitrlError


@dataclass(frozen=True)
class Subject:
    """A model under attack and its name on the page."""

    label: str
    model: ScoredModel
    repeat: bool = False
    """Measured under the seed after the plan's: what chance alone does to a model that is also there without it."""


@dataclass(frozen=True)
class Subjects:
    """All models of a run. `reference` is the first that was named; `untrained` may be None, or one of them."""

    all: tuple[Subject, ...]
    reference: str
    untrained: str | None

    @property
    def baseline_of_effects(self) -> str:
        """The arm on which the effect of each attack is measured: the untrained one where there is one."""
        return self.untrained or self.reference


def find_subjects(names: Sequence[str], before: str | None = None, repeat: bool = False) -> Subjects:
    """Resolves all models before anything is measured.

    Args:
        names: Models, each as NAME or LABEL=NAME; the first one is the reference of the others.
        before: The model before training; None takes the shared base when all models are adapters.
        repeat: Adds the reference once more, under another seed: an A/A pair, which must not be told apart.

    Raises:
        TraitrlError: When a name is unknown, or two models or labels are the same.
    """
    found = _named_subjects(names)
    reference = next(iter(found))
    again = (Subject(f"{reference}, again", found[reference].model, repeat=True),) if repeat else ()
    named = tuple(found.values())
    origin = before or _shared_base([subject.model for subject in named])
    if origin is None:
        return Subjects((*named, *again), reference, None)
    model = find_model(origin)
    for subject in named:
        if subject.model.identity == model.identity:
            return Subjects((*named, *again), reference, subject.label)
    if BEFORE in found:
        raise TraitrlError(f"No model may be called '{BEFORE}'.", "Give it another label.")
    return Subjects((Subject(BEFORE, model), *named, *again), reference, BEFORE)


def _named_subjects(names: Sequence[str]) -> dict[str, Subject]:
    found: dict[str, Subject] = {}
    for text in names:
        subject = _subject(text)
        for other in found.values():
            if other.label == subject.label or other.model.identity == subject.model.identity:
                raise TraitrlError(
                    f"{other.label} and {subject.label} are the same model or have the same name.",
                    "Name models that differ in weights, and label them with LABEL=FOLDER.",
                )
        found[subject.label] = subject
    return found


@dataclass(frozen=True)
class TrainedRun:
    """What the lab needs of a finished experiment."""

    models: list[str]
    """LABEL=ADAPTER FOLDER of every arm, the compute-matched baseline first."""
    before: str
    settings: dict[str, Any]
    """Settings of a `PersistPlan` that follow the run: prompt, length caps, temperature, judge."""
    reward_judge: str


def read_run(folder: Path) -> TrainedRun:
    """Reads the arms of an experiment from its run folder.

    Raises:
        TraitrlError: When the folder holds no run, or an arm is not trained yet.
    """
    if not (folder / "config.yaml").exists():
        raise TraitrlError(f"{folder} holds no run.", "Give the folder that `traitrl run` wrote, e.g. runs/quickstart.")
    experiment = load_experiment(folder / "config.yaml")
    adapters = {arm.name: folder / "steps" / f"train-{arm.name}" / "adapter" for arm in experiment.arms}
    for name, adapter in adapters.items():
        if not (adapter / "adapter_config.json").exists():
            raise TraitrlError(f"The arm {name} of {folder} is not trained.", "Finish the run first: `traitrl run`.")
    settings: dict[str, object] = {
        "system_prompt": experiment.training.system_prompt,
        "max_tokens": experiment.training.max_tokens,
        "max_words": experiment.evaluation.max_words,
        "temperature": experiment.evaluation.temperature,
        "judge": experiment.judges.evaluation,
    }
    if settings["max_words"] is None:  # no limit in the run is no wish to lift that of `--quick`
        del settings["max_words"]
    models = [f"{name}={adapter}" for name, adapter in adapters.items()]
    return TrainedRun(models, experiment.model, settings, experiment.judges.training)


def _subject(text: str) -> Subject:
    labelled = re.fullmatch(r"([^=/\\]+)=(.+)", text)
    label, name = labelled.groups() if labelled else (_readable(text), text)
    return Subject(label.strip(), find_model(name))


def _readable(name: str) -> str:
    """Returns the name of an API or hub model, and of a folder its last part that says something."""
    if not Path(name).exists():
        return name
    parts = [part for part in Path(name).parts if part not in ("adapter", "model", "checkpoint")]
    return parts[-1] if parts else name


def _shared_base(models: Sequence[ScoredModel]) -> str | None:
    bases = {model.checkpoint.base if model.checkpoint and model.checkpoint.adapter else None for model in models}
    return bases.pop() if len(bases) == 1 else None
