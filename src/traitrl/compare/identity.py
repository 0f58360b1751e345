"""Which model a name means: a local checkpoint or an API model, and a hash that changes when its weights do."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.models.identity import checkpoint_hash
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
        return ScoredModel(name, _address_hash(name), None)
    checkpoint = resolve(rest if provider == "hf" and not Path(name).exists() else name)
    return ScoredModel(name, checkpoint_hash(checkpoint), checkpoint)


def api_identity(name: str) -> str:
    """Returns the name of an API model with a short hash of where the environment says that it is."""
    return f"{name}@{_address_hash(name)[:8]}"


def _address_hash(name: str) -> str:
    return hashlib.sha256(_address(name).encode()).hexdigest()


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
