"""What a run ran on: versions, machine, data hashes. No host names, no paths, no keys."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from traitrl.experiment.identity import scenario_hash
from traitrl.runtime import compute_dtype

_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "numpy", "scipy", "traitrl")


def environment() -> dict[str, Any]:
    """Returns versions, revision, processor features and hashes of the shipped data."""
    import torch

    return {
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "revision": _revision(),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "dtype": str(compute_dtype()),
        "scenarios": scenario_hash(),
    }


def _revision() -> str:
    folder = Path(__file__).parent
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else "unknown"
