"""Differences between arms by readers' verdicts: the held-out evaluation with people (or other readers) as judge.

    python benchmarks/read_replies.py docs/results/2026-11-28-quickstart-4/read-replies.jsonl

Each line of the file has arm, scenario, reply, `met` (verdict per criterion), `sense` (0 to 3) and `lean` (-2 to 2).
"""

import json
import sys
from pathlib import Path

import pandas as pd

from traitrl.analysis.paired import compare
from traitrl.jsonl import read_rows
from traitrl.rubrics import rubric_score
from traitrl.scenarios import load_scenarios


def main(path: Path) -> None:
    """Prints one JSON line per measure and pair of arms."""
    rubrics = {scenario.id: scenario.rubric for scenario in load_scenarios()}
    rows = pd.DataFrame(
        {"arm": row["arm"], "item": row["scenario"], "cluster": row["scenario"], "measure": measure, "score": score}
        for row in read_rows(path)
        for measure, score in (
            ("rubric score", rubric_score(rubrics[row["scenario"]], row["met"])),
            ("lean, -2 to 2", float(row["lean"])),
            ("makes sense", float(row["sense"] >= 2)),
            ("judge", float(row["judge_score"])),
        )
    )
    for measure, part in rows.groupby("measure", sort=False):
        levels = part.groupby("arm")["score"].mean().round(3).to_dict()
        print(json.dumps({"measure": measure, "levels": levels}))
        for first, second in (("baseline", "trait"), ("before-RL", "trait"), ("before-RL", "baseline")):
            found = compare(part, first, second)
            if found is not None:
                low, high = round(found.low, 3), round(found.high, 3)
                difference = {"difference": round(found.difference, 3), "low": low, "high": high, "items": found.items}
                print(json.dumps({"measure": measure, "of": second, "over": first, **difference}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
