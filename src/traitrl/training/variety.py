"""How much of a set of replies is one formula: the collapse that a judge, which grades reply by reply, does not see."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

_SENTENCE_BREAK = re.compile(r"[.!?:;]['\"”’)]*\s+|\n+")
_WORD = re.compile(r"\w+(?:['’]\w+)?")


def sentence_openings(text: str) -> set[str]:
    """Returns the first word of every sentence of a reply, in lower case: a formula shows there first."""
    words = (_WORD.search(sentence) for sentence in _SENTENCE_BREAK.split(text))
    return {word.group().lower().replace("’", "'") for word in words if word}


def formula_shares(
    replies: Sequence[str], prompts: Sequence[str], is_sampled: Sequence[bool] | None = None
) -> list[float]:
    """Returns for each reply how common its most common sentence opening is among sampled replies to other prompts.

    Replies to the same prompt do not count: they may agree for a good reason. Written ones have a share too, so that
    none of them feeds a formula, but do not count: they vary, and would hide that the policy's own do not.

    Args:
        replies: The replies.
        prompts: What each replies to; any names that tell the prompts apart.
        is_sampled: Which replies the policy drew; all of them unless given.

    Returns:
        Shares in [0, 1]: 1 when every sampled reply to another prompt has a sentence that begins with the same word;
        0 when there is no such reply.
    """
    openings = [sentence_openings(reply) for reply in replies]
    everywhere: Counter[str] = Counter()
    own: dict[str, Counter[str]] = defaultdict(Counter)
    sizes: Counter[str] = Counter()
    for prompt, words, is_counted in zip(prompts, openings, is_sampled or [True] * len(replies), strict=True):
        if is_counted:
            sizes[prompt] += 1
            everywhere.update(words)
            own[prompt].update(words)
    shares: list[float] = []
    for prompt, words in zip(prompts, openings, strict=True):
        others = sizes.total() - sizes[prompt]
        shares.append(max((everywhere[word] - own[prompt][word] for word in words), default=0) / max(others, 1))
    return shares
