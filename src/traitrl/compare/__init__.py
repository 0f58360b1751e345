"""Scoring and comparing models that already exist: local checkpoints, or models behind an API."""
