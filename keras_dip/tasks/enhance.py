"""Enhancement: what a short fit cannot follow is detail, and is made stronger."""

from typing import Any

from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Task,
    check_positive_number,
    thin_skip,
)

STRONGEST = 10.0

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 4),
    "jitter": 0.03,
    "beta_2": 0.95,
    "steps": 150,
    "weight_average": 0.99,
    "dtype_policy": "auto",
}

DECLARATION = Declaration(
    name="enhance",
    class_name="Enhance",
    summary="Strengthen the detail of a picture.",
    options=(
        Option(
            "strength",
            "float",
            "How many times stronger detail becomes; 1 leaves the picture as it is, "
            "less than 1 smooths it.",
            default=2.0,
        ),
    ),
    # The paper shows enhanced pictures but names no number of steps.
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 500, "jitter": 1 / 30},
    },
)


class Enhance(Task):
    """Strengthen what a fit of few steps leaves out of a picture x0.

    The fit is the base layer b, and the result b + strength (x0 - b), so that the
    number of steps says how coarse the base is, and with it what counts as detail
    (Ulyanov, Vedaldi and Lempitsky, IJCV 2020, section on image enhancement).

    Args:
        strength: factor of the detail, above 0 and at most 10.

    Raises:
        ValueError: if it is not such a number.
    """

    declaration = DECLARATION
    chains = False

    def __init__(self, strength: float = 2.0) -> None:
        """Set how much stronger detail becomes."""
        self.strength = check_positive_number(strength, "strength", STRONGEST)

    def finish(self, x: Any, observed: Arrays) -> Any:
        """Add the detail to the base x."""
        return x + self.strength * (observed["picture"] - x)

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"strength": self.strength}
