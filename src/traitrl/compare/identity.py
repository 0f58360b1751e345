"""Which model a name means: a local checkpoint or an API model, and a hash that changes when its weights do."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.experiment.identity import judge_identity
from traitrl.judges.loading import OFFLINE
from traitrl.models.loading import Checkpoint, resolve

# Providers of Inspect AI that serve models over a network. `hf/NAME` is the way to a hub model whose owner has the
# name of a provider.
_PROVIDERS = frozenset(
    (
        *("anthropic", "azureai", "bedrock", "cloudflare", "deepseek", "fireworks", "google", "grok", "groq"),
        *("mistral", "nebius", "ollama", "openai", "openai-api", "openrouter", "perplexity", "sambanova", "sglang"),
        *("together", "vllm"),
    )
)
_PARTS = (
    *("config.json", "*.safetensors", "tokenizer*.json", "tokenizer.model", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.*", "merges.txt", "chat_template*"),
)


@dataclass(frozen=True)
class ScoredModel:
    """A model to score. `checkpoint` is None for an API model."""

    name: str
    identity: str
    checkpoint: Checkpoint | None

    @property
    def folder_name(self) -> str:
        """Name of the model's folder: readable, and its own for these weights."""
        readable = re.sub(r"[^\w.-]+", "-", self.name if self.checkpoint is None else Path(self.name).name)
        return f"{readable.strip('-.') or 'model'}-{self.identity[:12]}"


def find_model(name: str) -> ScoredModel:
    """Resolves what a user typed.

    Args:
        name: Whatever `traitrl.models.loading.resolve` takes, or `PROVIDER/NAME` of a network provider of Inspect AI.

    Raises:
        TraitrlError: When it is neither.
    """
    provider, _, rest = name.partition("/")
    if provider in _PROVIDERS and not Path(name).exists():
        if not rest:
            raise TraitrlError(f"{name} names no model.", "Give PROVIDER/NAME, for example openai/gpt-5-mini.")
        return ScoredModel(name, hashlib.sha256(_address(name).encode()).hexdigest(), None)
    checkpoint = resolve(rest if provider == "hf" and not Path(name).exists() else name)
    return ScoredModel(name, checkpoint_hash(checkpoint), checkpoint)


def judge_protocol(name: str) -> str:
    """Returns the judge's protocol; that of an offline judge is its identity, which needs no weights in memory."""
    if name in OFFLINE:
        return judge_identity(name)
    from traitrl.judges.loading import load_judge

    return load_judge(name, "evaluation").protocol


def _address(name: str) -> str:
    """Returns the name with all base URLs that the environment sets for its provider or service.

    Rather too many than too few: a URL that is not used costs a measurement, one that is missed mixes two models.
    """
    words = {"inspect", *re.split(r"[/-]", name.rpartition("/")[0])}
    if "grok" in words:
        words.add("xai")
    urls = [
        f"{variable}={value}"
        for variable, value in sorted(os.environ.items())
        if value and variable.endswith("_BASE_URL") and words & set(variable.lower().split("_"))
    ]
    return " ".join((name, *urls))


def checkpoint_hash(checkpoint: Checkpoint) -> str:
    """Returns the sha256 over weights, settings and tokenizer of base and adapter; of a hub model, over its name."""
    digest = hashlib.sha256()
    for place in filter(None, (checkpoint.base, checkpoint.adapter)):
        folder = Path(place)
        if not folder.is_dir():
            digest.update(f"hub:{place}".encode())
            continue
        for path in sorted({path for part in (*_PARTS, "adapter_config.json") for path in folder.glob(part)}):
            with path.open("rb") as source:
                digest.update(path.name.encode() + hashlib.file_digest(source, "sha256").digest())
    return digest.hexdigest()
