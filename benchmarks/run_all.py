"""Runs every speed benchmark in a process of its own, prints their JSON lines, then a summary.

Exit code 1 when one of them misses its bar or breaks. Run from the repository: make bench
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
COMMANDS = (
    ["rl_step.py"],
    ["rl_step.py", "--full-length", "1"],
    ["decoding.py"],
    ["decoding.py", "--full-length", "1"],
    ["likelihood_speed.py"],
    ["judging.py"],
    ["growth.py"],
)


def run(command: list[str]) -> list[dict[str, Any]]:
    """Runs one benchmark, passing its lines on; a benchmark that breaks counts as one that does not hold."""
    name = " ".join(command).removesuffix(".py")
    if not (FOLDER / command[0]).exists():
        return [{"name": name, "holds": False, "problem": "there is no such benchmark"}]
    lines: list[dict[str, Any]] = []
    process = subprocess.Popen(
        [sys.executable, str(FOLDER / command[0]), *command[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    output, errors = process.communicate()
    for text in output.splitlines():
        if text.startswith("{"):
            print(text, flush=True)
            lines.append(json.loads(text))
    if process.returncode != 0 and all(row.get("holds") for row in lines):
        last = (errors.strip().splitlines() or ["no message"])[-1]
        lines.append({"name": name, "holds": False, "problem": last})
    return lines


def main() -> int:
    rows: list[dict[str, Any]] = []
    for command in COMMANDS:
        begun = time.perf_counter()
        found = run(command)
        for row in found:
            row["took"] = time.perf_counter() - begun
        rows += found
    print(f"\n{'benchmark':<28} {'measured':>8} {'bar':>6}  {'figure':<20} holds", file=sys.stderr)
    for row in rows:
        figure = row.get("figure", "")
        figures = f"{row[figure]:>8.2f} {row['bar']:>6g}  {figure:<20}" if figure else " " * 37
        print(
            f"{row['name']:<28} {figures} {'yes' if row['holds'] else 'NO'} {row.get('problem', '')}", file=sys.stderr
        )
    return 0 if rows and all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
