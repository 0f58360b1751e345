"""Errors that tell the user what to do next."""


class TraitrlError(Exception):
    """A problem that the user can mend: one sentence on what is wrong, one on the remedy.

    Args:
        problem: What went wrong, as one sentence.
        remedy: What to do about it, as one sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


class GateError(TraitrlError):
    """A measurement gate failed: going on would produce numbers that mean nothing."""
