"""What the offline judges read of a criterion and a reply: a few dozen numbers, each with a plain meaning."""

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
    """Returns form and meaning: one row per criterion, reply by reply; float32 of shape (criteria, features)."""
    texts: dict[str, int] = {}
    for request in requests:
        for text in (
            *sentences(request.reply),
            request.reply,
            _asked(request),
            *_criteria(request),
            *(request.references or ()),
        ):
            texts.setdefault(text, len(texts))
    vectors = embed(list(texts))

    def vector(text: str) -> np.ndarray:
        return vectors[texts[text]]

    meaning = np.asarray([row for request in requests for row in _meaning(request, vector)], dtype=np.float32)
    return np.hstack([read_overlap(requests), meaning])


def read_overlap(requests: Sequence[GradeRequest]) -> np.ndarray:
    """Returns what words criterion and reply share, and what kind of criterion it is; nothing of the reply's style."""
    return np.asarray([row for request in requests for row in _overlap(request)], dtype=np.float32)


def read_form(requests: Sequence[GradeRequest]) -> np.ndarray:
    """Returns what needs no model: word overlap, negation, openings, length; float32 of shape (criteria, features)."""
    return np.asarray([row for request in requests for row in _form(request)], dtype=np.float32)


def style(reply: str) -> list[float]:
    """Returns length, sentences, variety, negations, question and opening of a reply: what a policy can learn to copy
    without understanding anything.
    """
    words = re.findall(r"[a-z0-9']+", reply.lower())
    opening = words[0] if words else ""
    return [
        float(np.log1p(len(words))),
        float(len(sentences(reply))),
        len(set(words)) / max(1, len(words)),
        min(3.0, float(len(_NEGATION.findall(reply)))),
        float("?" in reply),
        *(float(opening in group) for group in _OPENINGS),
    ]


def read_states(requests: Sequence[GradeRequest], readings: np.ndarray) -> np.ndarray:
    """Returns lean and sense of the reply (states.py) for each criterion, lean also with the sign of its points.

    Args:
        requests: What is graded.
        readings: Lean and sense of each reply, shape (requests, 2).

    Returns:
        float32 of shape (criteria, 3).
    """
    return np.asarray(
        [
            [lean, sense, sign * lean]
            for request, (lean, sense) in zip(requests, readings, strict=True)
            for sign in _signs(request)
        ],
        dtype=np.float32,
    )


def _asked(request: GradeRequest) -> str:
    return request.conversation[-1]["content"]


def _criteria(request: GradeRequest) -> list[str]:
    return [criterion.criterion for criterion in request.rubric]


def _signs(request: GradeRequest) -> np.ndarray:
    return np.array([np.sign(criterion.points) for criterion in request.rubric])


def _form(request: GradeRequest) -> list[list[float]]:
    stems = _stems(request.reply)
    earlier = _stems(" ".join(turn["content"] for turn in request.conversation))
    look = style(request.reply)
    negations = look[3]
    of_reply = [*look[:3], _share(stems, _stems(_asked(request))), _share(stems, earlier), *look[3:]]
    rows: list[list[float]] = []
    for criterion, row in zip(request.rubric, _overlap(request), strict=True):
        negated = float(bool(_NEGATION.search(criterion.criterion)))
        rows.append([*row[:7], negated * negations, *row[7:], *of_reply])
    return rows


def _overlap(request: GradeRequest) -> list[list[float]]:
    stems = _stems(request.reply)
    earlier = _stems(" ".join(turn["content"] for turn in request.conversation))
    rows: list[list[float]] = []
    for criterion, sign in zip(request.rubric, _signs(request), strict=True):
        wanted = _stems(criterion.criterion)
        new = wanted - earlier
        verb = criterion.criterion.split()[0].lower()
        rows.append(
            [
                _share(wanted, stems),
                _share(stems, wanted),
                _share(new, stems),
                float(len(new & stems)),
                float(len(wanted & stems)),
                float(sign),
                float(bool(_NEGATION.search(criterion.criterion))),
                float(len(wanted)),
                *(float(verb in group) for group in _VERBS),
            ]
        )
    return rows


def _meaning(request: GradeRequest, vector: Callable[[str], np.ndarray]) -> list[list[float]]:
    """Cosines between criterion, reply, its sentences, the last message and the two reference replies."""
    parts = np.stack([vector(part) for part in sentences(request.reply)])
    wanted = np.stack([vector(text) for text in _criteria(request)])
    reply, asked = vector(request.reply), vector(_asked(request))
    to_reply, signs = wanted @ reply, _signs(request)
    for_good = to_reply[signs > 0].mean() if (signs > 0).any() else 0.0
    for_bad = to_reply[signs < 0].mean() if (signs < 0).any() else 0.0
    contrast = float(for_good - for_bad)
    good, bad = (vector(text) for text in request.references) if request.references else (0.0 * reply, 0.0 * reply)
    nearer = float(reply @ (good - bad))
    part_nearer = parts @ (good - bad)
    rows: list[list[float]] = []
    for place, sign in enumerate(signs):
        others = np.delete(to_reply, place)
        rows.append(
            [
                float(to_reply[place]),
                float((parts @ wanted[place]).max()),
                float(to_reply[place] - (others.mean() if len(others) else 0.0)),
                float(to_reply[place] - (others.max() if len(others) else 0.0)),
                float(wanted[place] @ asked),
                float(reply @ asked),
                contrast,
                float(sign) * contrast,
                nearer,
                float(sign) * nearer,
                float(part_nearer.max()),
                float(part_nearer.min()),
                float(wanted[place] @ good) - float(wanted[place] @ bad),
            ]
        )
    return rows
