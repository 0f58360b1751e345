"""The validity gate: text that is cut off, looping or empty earns nothing, whatever the grader thinks of it."""

import re
from collections import Counter


def is_looping(text: str, size: int = 4, limit: int = 2) -> bool:
    """True when some run of `size` words occurs more than `limit` times, or one word makes up over a third of a
    long text.
    """
    words = re.findall(r"\w+", text.lower())
    runs = Counter(tuple(words[index : index + size]) for index in range(len(words) - size + 1))
    if runs and max(runs.values()) > limit:
        return True
    return len(words) >= 15 and Counter(words).most_common(1)[0][1] > len(words) / 3


def is_valid(text: str, truncated: bool, minimum_words: int = 1) -> bool:
    """True when the reply ended by itself, says something and does not loop."""
    return not truncated and len(text.split()) >= minimum_words and not is_looping(text)
