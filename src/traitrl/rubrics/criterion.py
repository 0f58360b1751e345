"""One checkable sentence about a reply."""

from pydantic import BaseModel, ConfigDict, field_validator


class Criterion(BaseModel):
    """One claim about a reply, with points for a reply that meets it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """Unique within its rubric, for example `c1`."""
    criterion: str
    """A sentence that a stranger can check from the conversation and the reply alone."""
    points: int
    """1 to 5 for what a good reply does, -1 to -5 for a failure; never 0."""

    @field_validator("points")
    @classmethod
    def _in_range(cls, points: int) -> int:
        if points == 0 or abs(points) > 5:
            raise ValueError("points must be between -5 and 5 and not 0")
        return points
