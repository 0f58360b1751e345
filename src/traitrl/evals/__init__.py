"""Evaluation: a registry of benchmarks, the engines that score them, and the held-out trait evaluation."""

from traitrl.evals.registry import Benchmark, benchmarks

__all__ = ["Benchmark", "benchmarks"]
