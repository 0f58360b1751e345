"""The models under measurement in a run: the model before RL and one per arm."""

from dataclasses import dataclass

from traitrl.models.loading import Checkpoint


@dataclass(frozen=True)
class Subject:
    """A starting point of measurements and attacks. `identity` changes when its weights do."""

    name: str
    checkpoint: Checkpoint
    identity: str
