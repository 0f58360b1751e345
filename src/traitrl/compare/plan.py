"""What is measured when a model is scored: held-out scenarios by domain, benchmarks by family, tasks of others."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml

from traitrl.catalog import domains, evaluated_traits
from traitrl.config import Arm, EvalPlan, Experiment, Judges, Training
from traitrl.errors import TraitrlError
from traitrl.evals.registry import Benchmark, chosen_benchmarks
from traitrl.scenarios import Scenario, Split, load_scenarios, select


@dataclass(frozen=True)
class ScorePlan:
    """Settings of a measurement; models are compared only when measured under the same."""

    suite: Literal["default", "all"] | None = "default"
    """Suite of benchmarks (`traitrl evals list`); None for none."""
    names: tuple[str, ...] = ()
    """Benchmarks beside those of the suite."""
    tasks: tuple[str, ...] = ()
    """Tasks of other packages: `inspect:NAME`, `lm_eval:NAME`."""
    held_out: bool = True
    """Whether replies to held-out scenarios are sampled and graded."""
    calibrated: bool = False
    """Whether benchmarks scored per byte are scored by pointwise mutual information instead."""
    domain: str | None = None
    """Only scenarios of this domain and benchmarks of the families that speak about it."""
    items: int = 60
    """At most so many items per benchmark."""
    scenarios: int | None = None
    """At most so many held-out scenarios per domain; None takes all."""
    samples: int = 1
    """Replies per scenario."""
    max_tokens: int = 160
    """Length cap of a reply."""
    temperature: float = 0.7
    judge: str = "offline:decoder"
    """Grades the replies."""
    system_prompt: str | None = Training().system_prompt
    seed: int = 0
    folder: Path = Path("runs") / "scores"
    """Where measurements are kept, one folder per model."""

    def __post_init__(self) -> None:
        if self.domain is not None and self.domain not in domains():
            raise TraitrlError(f"There is no domain {self.domain}.", f"Known are {', '.join(domains())}.")

    def experiment(self, model: str) -> Experiment:
        """Returns the measurement of one model as an experiment, the form that the measuring code takes."""
        return Experiment(
            name="scores",
            model=model,
            seed=self.seed,
            arms=[Arm(name="scored")],  # pyright: ignore[reportCallIssue]
            training=Training(max_tokens=self.max_tokens, system_prompt=self.system_prompt),
            judges=Judges(evaluation=self.judge, training="none"),
            evaluation=EvalPlan(samples=self.samples, temperature=self.temperature, items_per_benchmark=self.items),  # pyright: ignore[reportCallIssue]
        )

    def scenarios_by_domain(self) -> dict[str, list[Scenario]]:
        """Returns the EVAL scenarios of the evaluated traits, spread evenly over a domain when limited.

        Each domain begins at another place of its list, or a small limit would meet the same few traits everywhere.
        """
        found: dict[str, list[Scenario]] = {}
        if not self.held_out:
            return found
        for place, domain in enumerate(domains()):
            if self.domain not in (None, domain):
                continue
            chosen = select(load_scenarios(), Split.EVAL, evaluated_traits(), [domain])
            if self.scenarios is not None and self.scenarios < len(chosen):
                count = len(chosen)
                chosen = [chosen[(index * count // self.scenarios + place) % count] for index in range(self.scenarios)]
            found[domain] = chosen
        return found

    def likelihood_benchmarks(self) -> dict[str, list[Benchmark]]:
        """Returns the chosen benchmarks that are scored on options and whose data is here, by family."""
        return _by_family(row for row in self._wanted() if not row.is_generated and row.file() is not None)

    def generated_benchmarks(self) -> dict[str, list[Benchmark]]:
        """Returns the chosen benchmarks that are scored on sampled replies and whose data is here, by family."""
        return _by_family(row for row in self._wanted() if row.is_generated and row.file() is not None)

    def absent(self) -> dict[str, str]:
        """Returns the chosen benchmarks whose data is not on this machine, each with the reason."""
        return {row.name: row.obstacle() or "" for row in self._wanted() if row.file() is None}

    def _wanted(self) -> list[Benchmark]:
        families = _families().get(self.domain, []) if self.domain else None
        suite = chosen_benchmarks(self.suite, generated=True) if self.suite else []
        named = {row.name: row for row in (*suite, *chosen_benchmarks(list(self.names)))}
        return [self._scored(row) for row in named.values() if families is None or row.family in families]

    def _scored(self, benchmark: Benchmark) -> Benchmark:
        if self.calibrated and benchmark.scoring == "per_byte":
            return benchmark.model_copy(update={"scoring": "pmi"})
        return benchmark


def _by_family(chosen: Iterable[Benchmark]) -> dict[str, list[Benchmark]]:
    found: dict[str, list[Benchmark]] = {}
    for benchmark in chosen:
        found.setdefault(benchmark.family, []).append(benchmark)
    return found


@cache
def _families() -> dict[str, list[str]]:
    return yaml.safe_load(resources.files("traitrl.compare").joinpath("domains.yaml").read_text(encoding="utf-8"))
