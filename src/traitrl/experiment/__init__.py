"""Runs an experiment: a graph of steps, each a folder with its inputs' hash, its outputs and its log."""
