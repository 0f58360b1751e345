"""Success rate of a model per kind of standard task."""

from collections import defaultdict
from typing import Any

from traitrl.config import Training
from traitrl.models.chat import prompt_ids
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.loading import end_id, load_model, load_tokenizer, resolve
from traitrl.tasks.pool import INSTRUCTION_KINDS, REASONING_KINDS, standard_tasks, verify

_COPIES = 2


def success_rates(model_name: str, per_kind: int) -> list[dict[str, Any]]:
    """Samples two replies to each prompt and verifies them.

    Returns:
        One dictionary per kind: kind, solved (share), truncated (share), n (replies).
    """
    checkpoint, settings = resolve(model_name), Training()
    model, tokenizer = load_model(checkpoint), load_tokenizer(checkpoint)
    tasks = standard_tasks(per_kind * (len(REASONING_KINDS) + len(INSTRUCTION_KINDS)), seed=11)
    end = end_id(tokenizer)
    prompts = [prompt_ids(tokenizer, task.messages, settings.system_prompt) for task in tasks]
    replies = sample_replies(model, prompts, _COPIES, Sampling(settings.max_tokens, settings.temperature), [end])
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for index, ids in enumerate(replies):
        task = tasks[index // _COPIES]
        text = str(tokenizer.decode(ids, skip_special_tokens=True))
        found[task.kind].append((verify(task.kind, task.payload, text), ids[-1] != end))
    return [
        {
            "kind": kind,
            "solved": sum(solved for solved, _ in values) / len(values),
            "truncated": sum(cut for _, cut in values) / len(values),
            "n": len(values),
        }
        for kind, values in found.items()
    ]
