"""How the cost grows: with completions per step, reply length, number of benchmarks and number of arms.

Each is measured at a few small sizes, everything else fixed. The slope of log(seconds) on log(size) is 1 where cost is
linear and below 1 where a fixed part is shared; the bar is 1.1 for the steepest. Steps are real ones of the trainer and
benchmarks real items, both on the bundled model; arms are whole experiments with a tiny random model (training,
measurements, attacks, report), because there the number of steps is what grows.

Run from the repository: python benchmarks/growth.py [--out runs/bench]
Writes growth.json and growth.svg into that folder.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rl_step import Shape, build
from side_by_side import line, middle, options

BAR = 1.1
COMPLETIONS = (16, 32, 64, 128)
LENGTHS = (8, 16, 32, 64)
BENCHMARKS = (2, 4, 8, 16)
ARMS = (2, 3, 4, 6)


def step_seconds(base: str, shape: Shape, repeats: int) -> float:
    """Returns the median seconds of a full-length step of our trainer, the first one left out."""
    from rl_step import timed_steps

    from traitrl.runtime import compute_dtype

    with tempfile.TemporaryDirectory() as scratch:
        trainer = build(True, base, compute_dtype(), shape, repeats + 1, True, Path(scratch))
        return middle([row["seconds"] for row in timed_steps(trainer)])


def benchmark_seconds(base: str, counts: Sequence[int], items: int) -> dict[int, float]:
    """Returns the seconds of measuring so many of our own benchmarks, chosen so that each number has the same mix.

    Benchmarks are ranked by the length of their items; each number takes evenly spaced ranks.
    """
    from traitrl.config import Arm, Experiment
    from traitrl.evals.registry import benchmarks
    from traitrl.experiment.measure import Condition, measure_benchmarks
    from traitrl.models.loading import Checkpoint, load_model, load_tokenizer

    own = [row for row in benchmarks().values() if row.source == "package" and not row.is_generated]

    def length(row: Any) -> int:
        return sum(len(item.prompt) + sum(map(len, item.options)) for item in row.items(items) or [])

    ranked = sorted(own, key=length)
    model, tokenizer = load_model(Checkpoint(base)), load_tokenizer(Checkpoint(base))
    condition = Condition(Experiment(name="growth", arms=[Arm(name="baseline")]), "model", "growth")
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        measure_benchmarks(condition, model, tokenizer, ranked[:1], items, Path(scratch))
        for count in (size for size in counts if size <= len(ranked)):
            chosen = [ranked[(2 * place + 1) * len(ranked) // (2 * count)] for place in range(count)]
            begun = time.perf_counter()
            measure_benchmarks(condition, model, tokenizer, chosen, items, Path(scratch))
            seconds[count] = time.perf_counter() - begun
    return seconds


def run_seconds(model: Path, arms: int) -> float:
    """Returns the seconds of a whole experiment with so many arms on a tiny model."""
    from traitrl.config import Experiment
    from traitrl.experiment.runner import run_experiment

    with tempfile.TemporaryDirectory() as scratch:
        experiment = Experiment.model_validate(
            {
                "name": "growth",
                "model": str(model),
                "runs_folder": scratch,
                "gates": "report",
                "arms": [{"name": "baseline"}]
                + [{"name": f"trait {number}", "trait_share": 0.5, "max_words": 40} for number in range(1, arms)],
                "training": {
                    "steps": 4, "prompts_per_step": 2, "group_size": 4, "max_tokens": 8, "system_prompt": None,
                },
                "evaluation": {"held_out_scenarios": 8, "max_words": 50, "items_per_benchmark": 8},
                "attacks": {"finetune_steps": [1, 2], "finetune_batch": 2, "scenarios": 8},
            }
        )  # fmt: skip
        begun = time.perf_counter()
        run_experiment(experiment)
        return time.perf_counter() - begun


def tiny_model(base: str, folder: Path) -> Path:
    """Saves a small random model of the same kind with the same tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(base)
    small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    for key, value in {**small, "num_key_value_heads": 2, "head_dim": 16, "layer_types": None}.items():
        setattr(config, key, value)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def slope(points: dict[int, float]) -> float:
    """Returns the least-squares slope of log seconds on log size."""
    import numpy as np

    sizes, seconds = zip(*sorted(points.items()), strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(curves: dict[str, dict[int, float]], path: Path) -> None:
    """Draws seconds against size on logarithmic axes, each curve relative to its smallest size."""
    from traitrl.report.figures import as_svg, new_figure

    figure, axes = new_figure(6, 4)
    for name, points in curves.items():
        sizes = sorted(points)
        label = f"{name} ({sizes[0]} to {sizes[-1]}), slope {slope(points):.2f}"
        axes.plot([size / sizes[0] for size in sizes], [points[size] / points[sizes[0]] for size in sizes], "o-",
                  label=label, markersize=4)  # fmt: skip
    axes.plot([1, 8], [1, 8], color="#999", linestyle=":", label="linear")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel("size, relative to the smallest", fontsize=8)
    axes.set_ylabel("seconds, relative to the smallest", fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    path.write_text(as_svg(figure), encoding="utf-8")


def measure_all(base: str, repeats: int, items: int) -> dict[str, dict[int, float]]:
    """Measures all four curves: size -> seconds."""
    steps: Callable[[Shape], float] = lambda shape: step_seconds(base, shape, repeats)  # noqa: E731
    curves = {
        "completions per step": {size: steps(Shape(size // 8, 8, 16)) for size in COMPLETIONS},
        "reply length": {size: steps(Shape(2, 8, size)) for size in LENGTHS},
        "benchmarks": benchmark_seconds(base, BENCHMARKS, items),
    }
    with tempfile.TemporaryDirectory() as scratch:
        model = tiny_model(base, Path(scratch) / "model")
        run_seconds(model, 2)  # loads the judges
        curves["arms"] = {size: run_seconds(model, size) for size in ARMS}
    return curves


def main(arguments: list[str] | None = None) -> int:
    from traitrl.runtime import prepare_runtime

    prepare_runtime()
    chosen = options(__doc__, model="bundled", out="runs/bench", repeats=2, items=12).parse_args(arguments)
    from traitrl.experiment.runner import quiet_libraries
    from traitrl.models.loading import resolve

    quiet_libraries()
    curves = measure_all(resolve(chosen.model).base, chosen.repeats, chosen.items)
    slopes = {name: slope(points) for name, points in curves.items()}
    folder = Path(chosen.out)
    folder.mkdir(parents=True, exist_ok=True)
    found = {"model": chosen.model, "bar": BAR, "slopes": slopes, "seconds": curves}
    (folder / "growth.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(curves, folder / "growth.svg")
    steepest = max(slopes.values())
    holds = line(
        "growth",
        steepest,
        BAR,
        steepest <= BAR,
        unit="steepest log-log slope of seconds on size; lower is better",
        slopes={name: round(value, 3) for name, value in slopes.items()},
        model=chosen.model,
    )
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
