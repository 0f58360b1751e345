"""Hashes of what a step reads besides its settings: change the data or a judge, and its steps run again."""

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from traitrl.judges.fingerprint import folder_hash
from traitrl.judges.loading import OFFLINE, adapter_folder


@cache
def scenario_hash() -> str:
    """Returns the hash of the shipped scenarios."""
    return folder_hash(Path(str(resources.files("traitrl.scenarios").joinpath("data"))), "*.jsonl")


def judge_identity(name: str) -> str:
    """Returns the judge's protocol; for an offline judge its name and the hash of its weights, which stay on disk."""
    if name in OFFLINE:
        return f"{name}:{folder_hash(adapter_folder(name))}"
    from traitrl.judges.loading import load_judge

    return load_judge(name, "evaluation").protocol


@cache
def file_hash(path: Path) -> str:
    """Returns a short hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
