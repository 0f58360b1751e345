"""Scenarios: conversations that test one trait in one domain under one kind of pressure."""

from traitrl.scenarios.schema import Scenario, Split
from traitrl.scenarios.store import load_scenarios, select

__all__ = ["Scenario", "Split", "load_scenarios", "select"]
