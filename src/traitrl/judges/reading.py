"""What the feature judge reads of a criterion and a reply: a few dozen numbers, each with a plain meaning."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from traitrl.judges.protocol import GradeRequest
from traitrl.judges.trivial import content_words, embed

_NEGATION = re.compile(r"\b(?:not|no|never|none|nothing|cannot|without|\w+n't)\b", re.IGNORECASE)
_VERBS = (
    ("says", "states", "explains", "points", "notes", "shows", "marks"),
    ("tells", "advises", "asks", "urges", "keeps", "leaves", "lets"),
    ("suggests", "offers", "proposes", "gives", "recommends", "plans"),
    ("names", "mentions", "describes"),
    ("agrees", "approves", "claims", "supports", "confirms", "presents", "treats", "calls"),
    ("writes", "drafts", "words", "provides", "supplies"),
)
_OPENINGS = (("yes", "sure", "great", "absolutely", "of"), ("no", "don't", "not", "never"), ("i", "i'm", "sorry"))


def _stems(text: str) -> set[str]:
    return {word[:5] for word in content_words(text)}


def _share(part: set[str], whole: set[str]) -> float:
    return len(part & whole) / max(1, len(part))


def sentences(text: str) -> list[str]:
    """Splits a reply into sentences; at least one, possibly empty."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part] or [text]


def read(requests: Sequence[GradeRequest]) -> np.ndarray:
    """Returns one row of numbers per criterion, reply by reply, float32 of shape (criteria, features)."""
    texts: dict[str, int] = {}
    for request in requests:
        for text in (*sentences(request.reply), request.reply, _asked(request), *_criteria(request)):
            texts.setdefault(text, len(texts))
    vectors = embed(list(texts)) if texts else np.zeros((0, 384), dtype=np.float32)

    def vector(text: str) -> np.ndarray:
        return vectors[texts[text]]

    return np.asarray([row for request in requests for row in _rows(request, vector)], dtype=np.float32)


def _asked(request: GradeRequest) -> str:
    return request.conversation[-1]["content"]


def _criteria(request: GradeRequest) -> list[str]:
    return [criterion.criterion for criterion in request.rubric]


def _rows(request: GradeRequest, of: Callable[[str], np.ndarray]) -> list[list[float]]:
    reply, asked = request.reply, _asked(request)
    words = re.findall(r"[a-z0-9']+", reply.lower())
    reply_stems, asked_stems = _stems(reply), _stems(asked)
    earlier = _stems(" ".join(turn["content"] for turn in request.conversation))
    parts = np.stack([of(part) for part in sentences(reply)])
    wanted = np.stack([of(text) for text in _criteria(request)])
    to_reply = wanted @ of(reply)
    signs = np.array([np.sign(criterion.points) for criterion in request.rubric])
    for_good = to_reply[signs > 0].mean() if (signs > 0).any() else 0.0
    for_bad = to_reply[signs < 0].mean() if (signs < 0).any() else 0.0
    opening = words[0] if words else ""
    shared = [
        float(of(reply) @ of(asked)),
        float(np.log1p(len(words))),
        float(len(parts)),
        len(set(words)) / max(1, len(words)),
        _share(reply_stems, asked_stems),
        _share(reply_stems, earlier),
        min(3.0, float(len(_NEGATION.findall(reply)))),
        float("?" in reply),
        *(float(opening in group) for group in _OPENINGS),
        float(for_good - for_bad),
    ]
    rows: list[list[float]] = []
    for place, criterion in enumerate(request.rubric):
        stems = _stems(criterion.criterion)
        new = stems - earlier
        to_parts = parts @ wanted[place]
        others = np.delete(to_reply, place)
        negated = float(bool(_NEGATION.search(criterion.criterion)))
        verb = criterion.criterion.split()[0].lower()
        rows.append(
            [
                float(to_reply[place]),
                float(to_parts.max()),
                float(to_reply[place] - (others.mean() if len(others) else 0.0)),
                float(to_reply[place] - (others.max() if len(others) else 0.0)),
                float(wanted[place] @ of(asked)),
                _share(stems, reply_stems),
                _share(reply_stems, stems),
                _share(new, reply_stems),
                float(len(new & reply_stems)),
                float(len(stems & reply_stems)),
                float(signs[place]),
                negated,
                negated * shared[6],
                float(signs[place]) * shared[-1],
                *(float(verb in group) for group in _VERBS),
                float(len(stems)),
                *shared,
            ]
        )
    return rows
