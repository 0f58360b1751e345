import json
import math

from traitrl.jsonl import figures_json


def test_what_is_not_known_becomes_null_at_any_depth():
    figures = {"a": math.nan, "b": [1.5, math.inf, (2, -math.inf)], "c": {"d": None, "e": "nan", "f": True}}
    found = json.loads(figures_json(figures), parse_constant=lambda name: 1 / 0)
    assert found == {"a": None, "b": [1.5, None, [2, None]], "c": {"d": None, "e": "nan", "f": True}}
