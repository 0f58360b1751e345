"""Judges: they say of each criterion how likely a reply meets it."""

from traitrl.judges.protocol import GradeRequest, Judge, Verdicts

__all__ = ["GradeRequest", "Judge", "Verdicts"]
