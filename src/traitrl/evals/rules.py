"""Programmatic graders of generated replies. Each returns a score in [0, 1].

The IFEval names and meanings are those of Zhou et al. 2023; the code is ours. `language:response_language` needs a
language detector and is not here.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from traitrl.evals.items import Check

Rule = Callable[[str, Mapping[str, Any]], float]

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_MAX_INTENSITY = 10.0


def grade(reply: str, check: Check) -> float:
    """Returns the score of a reply, in [0, 1].

    Raises:
        KeyError: When there is no such rule.
    """
    return RULES[check.rule](reply, check.arguments)


def _has_word(reply: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", reply, re.IGNORECASE) is not None


def _keywords(reply: str, arguments: Mapping[str, Any]) -> float:
    return float(all(_has_word(reply, word) for word in arguments["keywords"]))


def _forbidden(reply: str, arguments: Mapping[str, Any]) -> float:
    return float(bool(reply.strip()) and not any(_has_word(reply, word) for word in arguments["forbidden_words"]))


def _no_comma(reply: str, _: Mapping[str, Any]) -> float:
    return float(bool(reply.strip()) and "," not in reply)


def _highlights(reply: str, arguments: Mapping[str, Any]) -> float:
    found = re.findall(r"\*\*[^*\n]+\*\*|\*[^*\n]+\*", reply)
    return float(sum(bool(part.strip("* ")) for part in found) >= arguments["num_highlights"])


def _bullets(reply: str, arguments: Mapping[str, Any]) -> float:
    return float(len(re.findall(r"^\s*(?:\*(?!\*)|-)\s*\S", reply, re.MULTILINE)) == arguments["num_bullets"])


def _sections(reply: str, arguments: Mapping[str, Any]) -> float:
    marks = re.findall(rf"\b{re.escape(arguments['section_spliter'])}\s+\d+", reply)
    return float(len(marks) >= arguments["num_sections"])


def _end(reply: str, arguments: Mapping[str, Any]) -> float:
    return float(reply.strip().strip('"').lower().endswith(arguments["end_phrase"].strip().lower()))


def _quotation(reply: str, _: Mapping[str, Any]) -> float:
    text = reply.strip()
    return float(len(text) > 2 and text.startswith('"') and text.endswith('"'))


def _lowercase(reply: str, _: Mapping[str, Any]) -> float:
    return float(any(letter.isalpha() for letter in reply) and reply == reply.lower())


def _uppercase(reply: str, _: Mapping[str, Any]) -> float:
    return float(any(letter.isalpha() for letter in reply) and reply == reply.upper())


def _title(reply: str, _: Mapping[str, Any]) -> float:
    return float(any(part.strip() for part in re.findall(r"<<([^\n>]+)>>", reply)))


def _constrained(reply: str, _: Mapping[str, Any]) -> float:
    return float(any(f"My answer is {word}." in reply for word in ("yes", "no", "maybe")))


def _json(reply: str, _: Mapping[str, Any]) -> float:
    text = re.sub(r"^```(?:json)?|```$", "", reply.strip(), flags=re.IGNORECASE).strip()
    try:
        json.loads(text)
    except ValueError:
        return 0.0
    return 1.0


def _capital_words(reply: str, arguments: Mapping[str, Any]) -> float:
    count = sum(word.isupper() for word in re.findall(r"[A-Za-z][A-Za-z'-]*", reply))
    limit = arguments["capital_frequency"]
    return float(count < limit if arguments["capital_relation"] == "less than" else count >= limit)


def _last_number(reply: str, arguments: Mapping[str, Any]) -> float:
    found = _NUMBER.findall(reply)
    return float(bool(found) and float(found[-1].replace(",", "")) == float(arguments["answer"]))


def _intensities(reply: str, arguments: Mapping[str, Any]) -> float:
    """One minus the mean distance to the reference over the scale; 0 when an emotion is missing.

    The last score given counts: the format asks for a first pass and a revision.
    """
    distances: list[float] = []
    for emotion, wanted in arguments["wanted"].items():
        found = re.findall(rf"\b{re.escape(emotion)}\b\s*:\s*(\d+(?:\.\d+)?)", reply, re.IGNORECASE)
        if not found or float(found[-1]) > _MAX_INTENSITY:
            return 0.0
        distances.append(abs(float(found[-1]) - wanted) / _MAX_INTENSITY)
    return 1.0 - sum(distances) / len(distances)


RULES: dict[str, Rule] = {
    "keywords:existence": _keywords,
    "keywords:forbidden_words": _forbidden,
    "punctuation:no_comma": _no_comma,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:title": _title,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:json_format": _json,
    "startend:end_checker": _end,
    "startend:quotation": _quotation,
    "change_case:english_lowercase": _lowercase,
    "change_case:english_capital": _uppercase,
    "change_case:capital_word_frequency": _capital_words,
    "last_number": _last_number,
    "intensities": _intensities,
}
