"""traitrl: train beneficial traits into a language model with a small dose of RL and measure how broad and
lasting they are.
"""

__version__ = "0.1.0"
