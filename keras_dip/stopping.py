"""When to stop, without a ground truth: Keras callbacks, one class for each rule.

A fit that goes on too long learns the damage. Each rule measures a criterion at every
report, keeps the candidate for which it was least, and stops the fit when it has not
fallen for `patience` steps. Some rules hold a part of the observation back before the
fit (`hold_back`), so that the criterion is measured on what the fit never saw.
"""

import math
import time
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip.fitting import REPORT_INTERVAL, Candidate
from keras_dip.holes import can_spare, holes_like
from keras_dip.noise import local_mean
from keras_dip.ops.stabilise import Anscombe
from keras_dip.tasks import Problem

LEAST_PATIENCE = 75
"""Steps without progress before a rule may stop a fit, however short."""

HELD_OUT = 0.02
"""Share of the known pixels that `heldout` holds out."""


class StoppingRule(keras.callbacks.Callback):
    """Keeps the candidate with the least criterion; the base of all rules.

    Args:
        patience: steps without a lower criterion after which the fit stops; None for a
            fifth of the planned steps, but at least 75.

    Attributes:
        best: the candidate whose criterion was least, or None.
        reason: why the fit was stopped, as a sentence; None if it was not.
    """

    name = ""
    what = ""
    SAVED: tuple[str, ...] = ("best", "least", "reason")

    def __init__(self, patience: int | None = None) -> None:
        """Set the patience, in steps."""
        super().__init__()
        self.patience = patience
        self.best: Candidate | None = None
        self.least = math.inf
        self.reason: str | None = None

    def hold_back(self, problem: Problem, rng: np.random.Generator) -> Problem:
        """Return the problem that the fit may see.

        Raises:
            ValueError: if the rule cannot be used for such a problem.
        """
        return problem

    def window(self, planned_steps: int) -> int:
        """Return how many recent outputs `measure` looks at."""
        return 0

    def measure(self) -> float | None:
        """Return the criterion at this report; None while there is none yet."""
        raise NotImplementedError

    def squared_error(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the estimated squared error at each pixel of a picture [1, H, W, C].

        NaN where it is not known; None where nothing was held back. The estimate of one
        pixel is of no use, only means over many are.
        """
        return None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, keep the candidate if it is the best, or lose patience."""
        value = self.measure()
        if logs is not None:
            logs["criterion"] = math.nan if value is None else value
        if value is None or not math.isfinite(value):
            return
        if value < self.least:
            self.least, self.best = value, self.model.candidate()
        elif (
            self.best
            and not self.reason
            and self.model.step - self.best.step >= self._patience()
        ):
            self.stop(
                f"{self.what} was least at step {self.best.step} and has not fallen "
                f"for {self.model.step - self.best.step} steps."
            )

    def stop(self, reason: str) -> None:
        """End the fit."""
        self.reason = reason
        self.model.stop_training = True

    def _patience(self) -> int:
        if self.patience is not None:
            return self.patience
        return max(LEAST_PATIENCE, self.model.planned_steps // 5)


class Fission(StoppingRule):
    """Stops by the error against a copy of the picture with independent noise.

    With noise of deviation s in y and e ~ N(0, 1) drawn once, y1 = y + b s e is fitted
    and y2 = y - s e / b held back. Their noises are independent, so that the squared
    error against y2, less s^2 (1 + 1 / b^2), estimates the error against the clean
    picture without bias (data fission: Leiner et al., Journal of the American
    Statistical Association 120, 2025; Pang et al., CVPR 2021, for the pairs). Photons
    are split one by one instead (binomial thinning), with as much noise in y1.

    Args:
        ratio: b; larger is a surer estimate and a noisier fit.
        patience: see `StoppingRule`.
    """

    name = "fission"
    what = "The error estimated on held-back noise"

    def __init__(self, ratio: float = 0.2, patience: int | None = None) -> None:
        """Set the share of noise that is moved."""
        super().__init__(patience)
        self.ratio = ratio

    def hold_back(self, problem: Problem, rng: np.random.Generator) -> Problem:
        """Return the problem with y1 in place of y, and keep y2."""
        if not problem.sigma:
            raise ValueError(
                "Expected a picture with Gaussian noise of known or estimated "
                "deviation for stop='fission'. Received: none"
            )
        split = self._thinned if isinstance(problem.scale, Anscombe) else self._moved
        y1 = split(problem, rng)
        self._operator = problem.operator
        self._rough = local_mean(self._observed[0])[np.newaxis]
        return replace(
            problem,
            observed={**problem.observed, "picture": y1},
            sigma=problem.sigma * math.sqrt(1 + self.ratio**2),
        )

    def _moved(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:
        """Return y1 = y + b s e; keep y and y2."""
        y, sigma = problem.observed["picture"], problem.sigma or 0.0
        noise = sigma * rng.standard_normal(y.shape).astype("float32")
        self.held_back = y - noise / self.ratio
        self._observed, self._variance, self._counted = y, sigma**2, None
        return y + self.ratio * noise

    def _thinned(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:
        """Return most of the photons, on the scale that is fitted; keep all and some.

        The variance of what x P photons give is x / P, of which y / P is an estimate.
        """
        share = self.ratio**2 / (1 + self.ratio**2)
        scale = self._counted = problem.scale
        y1, y, self.held_back = scale.thin(problem.observed["picture"], share, rng)
        self._observed, self._variance = y, y / scale.peak
        return y1

    def measure(self) -> float:
        """Return the estimated mean squared error."""
        picture = self.model.picture()
        if self._operator is not None:
            picture = ops.convert_to_numpy(self._operator(picture))
        return float(self._error(picture).mean())

    def squared_error(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the estimated squared error, which is below 0 at many pixels.

        None where what is observed is not the picture itself, but A of it.
        """
        return None if self._operator is not None else self._error(picture)

    def _error(self, picture: np.ndarray) -> np.ndarray:
        """Return the estimated squared error of A of the picture.

        With y2 = y - m, (f - y2)^2 less its noise is (f - y)^2 - s^2 + 2 (f - y) m, and
        what does not depend on f. The mean of m is 0 whatever y is, so that any rough
        picture r of y may take the place of y in the last term. That leaves the
        differences between steps as they are, and the level surer by far.

        Photons are compared as such, and the error brought to the scale of the fit.
        """
        scale = self._counted
        if scale is not None:
            picture = ops.convert_to_numpy(scale.inverse(picture))
        residual = np.square(picture - self._observed) - self._variance
        moved = self._observed - self.held_back
        error: np.ndarray = residual + 2 * (picture - self._rough) * moved
        return error if scale is None else error * scale.slope(self._rough) ** 2


class HeldOut(StoppingRule):
    """Stops by the data term of known pixels that the fit does not see.

    Args:
        share: share of the known pixels that are held out, as single pixels where the
            holes are thin, as discs as wide as the holes where they are not.
        patience: see `StoppingRule`.
    """

    name = "heldout"
    what = "The error on held-out pixels"

    def __init__(self, share: float = HELD_OUT, patience: int | None = None) -> None:
        """Set how much is held out."""
        super().__init__(patience)
        self.share = share

    def hold_back(self, problem: Problem, rng: np.random.Generator) -> Problem:
        """Return the problem with fewer known pixels."""
        picture, mask = (problem.observed.get(name) for name in ("picture", "mask"))
        if picture is None or mask is None:
            raise ValueError(
                "Expected inpainting, or impulse noise, for stop='heldout'. Received: "
                "no mask"
            )
        known = mask[0].all(axis=-1)
        out = np.zeros((1, *known.shape, 1), bool)
        if known.any():
            out[0, ..., 0] = holes_like(known, self.share, rng)
        if 2 * out.sum() > known.sum() or not known.any():
            raise ValueError(
                "Expected holes that are small beside what is known for "
                "stop='heldout'. Received: a mask with "
                f"{int(known.sum())} known pixels"
            )
        self.target, self.out = picture, np.broadcast_to(out, picture.shape)
        self._operator = problem.operator
        kept = mask * (1 - out)
        observed = {**problem.observed, "picture": picture * kept, "mask": kept}
        return replace(problem, observed=observed)

    def measure(self) -> float:
        """Return the data term of the held-out pixels, averaged over them."""
        mask = self.out.astype("float32")
        observed = {"picture": self.target, "mask": mask}
        value = self.model.data_term(self.model.picture(), observed)
        return float(ops.convert_to_numpy(value)) / float(mask.mean())

    def squared_error(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the squared error of what was held out, NaN elsewhere.

        None where what is observed is not the picture itself, but A of it.
        """
        if self._operator is not None:
            return None
        return np.where(self.out, np.square(picture - self.target), np.nan)


class WindowedVariance(StoppingRule):
    """Stops where the outputs of a moving window vary least (ES-WMV).

    Wang et al., "Early stopping for deep image prior", TMLR 2023, algorithm 1: the
    variance peaks while the picture is learnt and again when the noise is. Of use for
    any kind of noise.

    Args:
        size: outputs in the window; None for a twentieth of the planned steps, at
            least 10 and at most the published 100.
        patience: see `StoppingRule`.
    """

    name = "wmv"
    what = "The variance of recent outputs"
    SAVED = (*StoppingRule.SAVED, "_seen", "_since")

    def __init__(self, size: int | None = None, patience: int | None = None) -> None:
        """Set the window."""
        super().__init__(patience)
        self.size = size
        self._seen = self._since = 0

    def window(self, planned_steps: int) -> int:
        """Return the number of outputs in the window."""
        return self.size or int(np.clip(planned_steps // 20, 10, 100))

    def measure(self) -> float | None:
        """Return the mean variance over sampled pixels, once the window is full."""
        if self.model.step <= self._seen:
            # After a return to an earlier state the window has to fill anew.
            self._since = self.model.step
        self._seen = self.model.step
        if self._seen - self._since < self.model.window + WARM_UP:
            return None
        recent = ops.convert_to_numpy(self.model.recent)
        return float(recent.var(axis=0).mean())


class ExponentialVariance(StoppingRule):
    """Stops where the exponentially weighted variance of outputs is least (ES-EMV).

    Wang et al., TMLR 2023, equations 5 and 6; needs no memory of a whole window.

    Args:
        rate: weight of the newest output; 0.1 as published.
        patience: see `StoppingRule`.
    """

    name = "emv"
    what = "The moving variance of the outputs"
    SAVED = (*StoppingRule.SAVED, "_seen", "_mean", "_variance")

    def __init__(self, rate: float = 0.1, patience: int | None = None) -> None:
        """Set the weight of the newest output."""
        super().__init__(patience)
        self.rate = rate
        self._seen = 0
        self._mean: Any = 0.0
        self._variance = 0.0

    def window(self, planned_steps: int) -> int:
        """Return the number of outputs between two reports."""
        return REPORT_INTERVAL

    def measure(self) -> float | None:
        """Return the variance, brought up to date with the outputs since last time."""
        recent = ops.convert_to_numpy(self.model.recent)
        rate = self.rate
        # After a return to an earlier state the outputs count from there.
        first = max(min(self._seen, self.model.step), self.model.step - len(recent))
        for step in range(first, self.model.step):
            change = recent[step % len(recent)] - self._mean
            self._variance *= 1 - rate
            self._variance += rate * (1 - rate) * float(np.mean(np.square(change)))
            self._mean = self._mean + rate * change
        self._seen = self.model.step
        # The first average was black: what it says fades with the steps.
        return self._variance if self.model.step >= 5 / rate + WARM_UP else None


class Discrepancy(StoppingRule):
    """Stops when the residual has come down to the noise (Morozov's principle)."""

    name = "discrepancy"
    what = "The distance of the residual from the noise"

    def hold_back(self, problem: Problem, rng: np.random.Generator) -> Problem:
        """Return the problem as it is."""
        if not problem.sigma:
            raise ValueError(
                "Expected a picture with noise of known or estimated deviation for "
                "stop='discrepancy'. Received: none"
            )
        # Data terms are means over all values; what is missing adds nothing to them.
        weights = [
            problem.observed[n] for n in ("mask", "sites") if n in problem.observed
        ]
        seen = float(np.mean(weights[0])) if weights else 1.0
        self.variance = problem.sigma**2 * seen
        return problem

    def measure(self) -> float:
        """Return `|mean squared residual - sigma^2|`."""
        model = self.model
        residual = float(
            ops.convert_to_numpy(model.data_term(model.picture(), model.observed))
        )
        if residual <= self.variance:
            self.stop(f"The residual came down to the noise at step {model.step}.")
        return abs(residual - self.variance)


class Plateau(StoppingRule):
    """Stops when the data term has ceased to fall; for observations without noise.

    Args:
        least_gain: relative fall below which the data term counts as level.
        patience: see `StoppingRule`.
    """

    name = "plateau"
    what = "The data term"
    SAVED = (*StoppingRule.SAVED, "_level", "_level_step")

    def __init__(self, least_gain: float = 0.01, patience: int | None = None) -> None:
        """Set what counts as a fall."""
        super().__init__(patience)
        self.least_gain = least_gain
        self._level = math.inf
        self._level_step = 0

    def measure(self) -> float:
        """Return the data term of the picture so far."""
        model = self.model
        value = float(
            ops.convert_to_numpy(model.data_term(model.picture(), model.observed))
        )
        if value < self._level * (1 - self.least_gain):
            self._level, self._level_step = value, model.step
        elif model.step - self._level_step >= self._patience():
            self.stop(f"The data term has hardly fallen since step {self._level_step}.")
        return value


class TimeLimit(keras.callbacks.Callback):
    """Ends a fit after so many seconds, counted from when this object was made.

    Args:
        seconds: how many.
        whole: the limit that the user set and that these are a part of, to be named in
            `reason`; None for the seconds themselves.
    """

    def __init__(self, seconds: float, whole: float | None = None) -> None:
        """Start the clock."""
        super().__init__()
        self.whole = seconds if whole is None else whole
        self.reason: str | None = None
        self._end = time.perf_counter() + seconds

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Look at the clock."""
        if time.perf_counter() >= self._end and self.reason is None:
            self.reason = (
                f"The time limit of {self.whole:g} s was reached at step "
                f"{self.model.step}."
            )
            self.model.stop_training = True


WARM_UP = 2 * REPORT_INTERVAL
"""Steps before the variance of outputs says anything: they start almost constant."""

_RULES: dict[str, type[StoppingRule]] = {
    rule.name: rule
    for rule in (
        Fission,
        WindowedVariance,
        ExponentialVariance,
        HeldOut,
        Discrepancy,
        Plateau,
    )
}
NAMES = ("auto", *_RULES, "none")


def rule_for(name: str, problem: Problem) -> StoppingRule | None:
    """Return a new rule by name; "auto" picks by what the problem has.

    Held-out pixels where there is a mask and enough is known; data fission where there
    is white noise; a variance of outputs where there is noise of another kind (`emv`
    where it is Gaussian but not white, `wmv` where it is neither); else the plateau of
    the data term. "none" is None.

    Raises:
        ValueError: if there is no such rule.
    """
    if name not in NAMES:
        raise ValueError(f"Expected stop of {', '.join(NAMES)}. Received: {name!r}")
    if name == "none":
        return None
    return _RULES[_automatic(problem) if name == "auto" else name]()


def _automatic(problem: Problem) -> str:
    if "mask" in problem.observed:
        known = problem.observed["mask"][0].all(axis=-1)
        return "heldout" if can_spare(known, HELD_OUT) else "plateau"
    if problem.sigma == 0:
        return "plateau"
    if problem.sigma is None:
        return "wmv"
    if problem.noise_is_white:
        return "fission"
    return "emv"
