"""The model before RL. An adapter is folded into its base once, so that arms are trained and measured on the same."""

from pathlib import Path

from traitrl.experiment.steps import Step, StepStore
from traitrl.models.loading import Checkpoint

_STEP = "start"
_FOLDER = "model"


def start_checkpoint(named: Checkpoint, store: StepStore) -> Checkpoint:
    """Returns the weights that every arm starts from.

    Args:
        named: The model that the experiment names.
        store: Steps of the run; a folded start lies among them, at an absolute path, since adapters name their base.
    """
    return named if named.adapter is None else Checkpoint(str(store.path(_STEP).resolve() / _FOLDER))


def start_steps(named: Checkpoint, identity: str) -> list[Step]:
    """Returns the step that folds an adapter into its base; none for a model that has no adapter.

    Args:
        named: The model that the experiment names.
        identity: Hash of its weights.
    """

    def run(folder: Path) -> None:
        import torch

        from traitrl.models.loading import load_model, load_tokenizer

        # In full precision: what rounding takes away here, every arm and every measurement would miss.
        load_model(named, torch.float32).save_pretrained(folder / _FOLDER)
        load_tokenizer(named).save_pretrained(folder / _FOLDER)

    return [] if named.adapter is None else [Step(_STEP, "training", {"start": identity}, run)]
