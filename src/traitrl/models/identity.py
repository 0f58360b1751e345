"""A hash of a checkpoint that changes when its weights do."""

import hashlib
from pathlib import Path

from traitrl.models.loading import Checkpoint

_PARTS = (
    *("config.json", "*.safetensors", "tokenizer*.json", "tokenizer.model", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.*", "merges.txt", "chat_template*"),
)


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
