"""How likely a reply is under the bundled model before RL, with and without its conversation.

Word salad is unlikely text, and a reply to something else is as likely without the conversation as with it. The
bundled model reads here whatever policy is trained, so the readings mean the same in every run.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from traitrl.judges.protocol import GradeRequest
from traitrl.models.chat import Message, prompt_ids, reply_ids

_SYSTEM = "Answer in one or two short sentences."
_AT_ONCE = 48
_NOTHING: list[Message] = [{"role": "user", "content": "Hello."}]


@cache
def _reader() -> tuple[Any, Any]:
    from traitrl.models.loading import BUNDLED, load_model, load_tokenizer, resolve

    checkpoint = resolve(BUNDLED)
    return load_model(checkpoint), load_tokenizer(checkpoint)


def read_fluency(requests: Sequence[GradeRequest]) -> np.ndarray:
    """Returns per reply log p per token given the conversation, without it, and the difference; shape (replies, 3)."""
    from traitrl.models.likelihood import Question, score_options

    model, tokenizer = _reader()
    replies = [reply_ids(tokenizer, request.reply or " ") for request in requests]
    grouped: dict[tuple[int, ...], list[int]] = {}
    for place, request in enumerate(requests):
        grouped.setdefault(tuple(prompt_ids(tokenizer, request.conversation, _SYSTEM)), []).append(place)
    given = np.zeros(len(requests))
    questions = [Question(prompt, [replies[place] for place in places]) for prompt, places in grouped.items()]
    for places, values in zip(grouped.values(), score_options(model, questions), strict=True):
        given[places] = values
    empty = prompt_ids(tokenizer, _NOTHING, _SYSTEM)
    chunks = [Question(empty, replies[start : start + _AT_ONCE]) for start in range(0, len(replies), _AT_ONCE)]
    alone = np.array([value for values in score_options(model, chunks) for value in values])
    lengths = np.array([len(reply) for reply in replies], dtype=float)
    return np.stack([given / lengths, alone / lengths, (given - alone) / lengths], axis=1).astype(np.float32)
