"""The persistence lab: attacks with a budget on models that exist, curves, and a verdict with intervals."""
