"""Standard RL prompts with verifiable rewards: the part of the mix that is not about traits."""

from traitrl.tasks.pool import StandardTask, standard_tasks, verify

__all__ = ["StandardTask", "standard_tasks", "verify"]
