"""From a name to a model: the bundled default, a local folder, an adapter folder or a hub id."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.errors import TraitrlError
from traitrl.models.bundled import bundled_policy
from traitrl.models.warm import warm_policy
from traitrl.runtime import compute_dtype, device

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BUNDLED, BUNDLED_WARM = "bundled", "bundled:warm"


@dataclass(frozen=True)
class Checkpoint:
    """A model to run: base weights (folder or hub id) and, if it was trained here, a LoRA adapter folder."""

    base: str
    adapter: str | None = None


def resolve(name: str) -> Checkpoint:
    """Turns what a user typed into a checkpoint.

    Args:
        name: `bundled`, `bundled:warm` (after its warm start, see training/warm_start.py), a folder with a model, a
            folder with a LoRA adapter, or a hub id such as `Qwen/Qwen3-0.6B`.

    Raises:
        TraitrlError: When a folder is meant and it holds no model, weights that are not safetensors, or an adapter on
            top of another adapter.
    """
    if name == BUNDLED:
        return Checkpoint(str(bundled_policy()))
    if name == BUNDLED_WARM:
        return Checkpoint(str(warm_policy()))
    folder = Path(name)
    if (folder / "adapter_config.json").exists():
        # PEFT would fall back to a pickle.
        if not (folder / "adapter_model.safetensors").exists():
            raise TraitrlError(
                f"{name} holds no adapter_model.safetensors; only safetensors are read.",
                "Convert the adapter first: other formats can run code on load.",
            )
        base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
        below = resolve(base)
        if below.adapter is not None:
            raise TraitrlError(
                f"{name} is an adapter on {base}, which is itself an adapter.",
                "Fold the lower adapter into its base (peft: merge_and_unload, save_pretrained), and name that folder "
                "as base_model_name_or_path in adapter_config.json.",
            )
        return Checkpoint(below.base, str(folder))
    if (folder / "config.json").exists():
        if not list(folder.glob("*.safetensors")):
            raise TraitrlError(
                f"{name} holds no safetensors weights.",
                "Convert the weights first: other formats can run code on load.",
            )
        return Checkpoint(str(folder))
    if folder.exists() or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise TraitrlError(
            f"{name} is neither a model folder nor a hub id.",
            "Give `bundled`, `bundled:warm`, a folder (config.json, *.safetensors), or a hub id (Qwen/Qwen3-0.6B).",
        )
    return Checkpoint(name)


def name_base(adapter: Path, name: str) -> None:
    """Writes what a user would call an adapter's base into its folder, in place of a path of this machine.

    Done after saving: given the name, PEFT would look for it on a hub.
    """
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": name}, indent=2))


def load_model(checkpoint: Checkpoint, dtype: "torch.dtype | None" = None, merge: bool = True) -> "PreTrainedModel":
    """Loads a checkpoint for inference.

    Args:
        checkpoint: What to load.
        dtype: Number format of the weights; None takes the machine's.
        merge: Fold the adapter into the weights (faster). False leaves a PEFT model that can be trained further.

    Returns:
        The model in evaluation mode. Only safetensors are read.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model: Any
    try:
        model = AutoModelForCausalLM.from_pretrained(
            checkpoint.base, dtype=dtype or compute_dtype(), use_safetensors=True
        )
        model = model.to(device())
    except OSError as problem:
        raise TraitrlError(
            f"Could not load the model {checkpoint.base} ({str(problem).splitlines()[0]}).",
            "Check the name and the network, or download the model and give its folder.",
        ) from problem
    if checkpoint.adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, checkpoint.adapter, is_trainable=not merge)
        if merge:
            model = model.merge_and_unload()
    return model.eval()


def load_tokenizer(checkpoint: Checkpoint) -> "PreTrainedTokenizerBase":
    """Loads the tokenizer and makes sure that it can pad and has a chat template.

    Raises:
        TraitrlError: When the model has no chat template: prompts would be malformed without a word.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.base)
    if tokenizer.chat_template is None:
        raise TraitrlError(f"{checkpoint.base} has no chat template.", "Use an instruction-tuned model.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def end_id(tokenizer: "PreTrainedTokenizerBase") -> int:
    """Returns the id that ends a reply."""
    return int(tokenizer.eos_token_id)  # type: ignore[arg-type]
