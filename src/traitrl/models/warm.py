"""The bundled model after its warm start: the shipped adapter folded into the weights, once, in the user's cache."""

import hashlib
from importlib import resources
from pathlib import Path

from traitrl.models.bundled import SMOLLM2, bundled_policy, cached_folder


def warm_adapter() -> Path:
    """Returns the folder with the adapter that ships with the package."""
    return Path(str(resources.files("traitrl.models").joinpath("weights", "warm_start")))


def warm_policy() -> Path:
    """Returns the folder with the warm model as safetensors, making it on first use.

    The folder's name carries the hash of base and adapter, so another warm start never meets an old cache.
    """
    adapter = warm_adapter()
    files = (adapter / "adapter_model.safetensors", adapter / "adapter_config.json")
    digest = hashlib.sha256(SMOLLM2.sha256.encode() + b"".join(file.read_bytes() for file in files)).hexdigest()[:12]

    def build(scratch: Path) -> Path:
        merge_adapter(bundled_policy(), adapter, scratch / "warm")
        return scratch / "warm"

    return cached_folder(f"smollm2-135m-instruct-warm-{digest}", build)


def merge_adapter(base: Path, adapter: Path, target: Path) -> None:
    """Folds a LoRA adapter into float32 base weights and saves model and tokenizer."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, use_safetensors=True)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()  # type: ignore[operator]
    merged.save_pretrained(target)
    AutoTokenizer.from_pretrained(base).save_pretrained(target)
