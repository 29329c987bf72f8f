"""The fit of one picture: a Keras model whose train step *is* the Deep Image Prior.

One step: jitter z afresh, run the network in training mode, compare the degraded output
with the observation, follow the gradient with Adam, and keep a running average of the
outputs (Ulyanov et al., IJCV 2020, section 4) or of the weights. z, the observation and
the averages are variables of the model, so that many steps run in one call of a
`tf.function` and Python is needed only to report.

Where the noise is Gaussian and its deviation s known, recorrupted pairs can take the
place of jitter: with fresh noise e, the network sees the picture y + a s e and is
compared with y - s e / a. The noises of the two are independent, so that copying noise
does not pay (Pang et al., CVPR 2021).

Where pixels are missing and z holds the known ones, some of those are hidden from z at
each step and alone compared with the output: the network learns from the picture itself
to fill single pixels (as Self2Self does for noise: Quan et al., CVPR 2020).

The picture that the fit has come to is either the average of the outputs, or what the
averaged weights make of z without any jitter (`PriorModel.picture`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip.allocator import keep_freed_memory
from keras_dip.models.fused import all_layers, momentum
from keras_dip.tiles import Window
from keras_dip.train_steps import steps_of

REPORT_INTERVAL = 25
"""Steps between two reports; a report is an epoch to Keras and its callbacks."""

SAMPLES = 65_536
"""Values of an output that are kept for the rules that compare recent outputs."""

MACS_PER_CALL = {"cpu": 2e10, "gpu": 1e12}
"""Forward multiply-adds in one call, about half a second: Ctrl-C acts between calls."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A picture on the way, as the weights of the network that give it.

    Attributes:
        step: steps behind it.
        weights: values of the network's trainable variables.
        average: the running average of outputs [1, H, W, C] that the network has still
            to be brought to; None where the weights alone are meant.
    """

    step: int
    weights: list[np.ndarray]
    average: np.ndarray | None


class PriorModel(steps_of(keras.config.backend()), keras.Model):  # type: ignore[misc]
    """Fits `network(z)` to an observation; see the module for what a step is.

    Args:
        network: a Keras model from z [1, h, w, c] to a picture [1, H, W, C].
        data_term: function of a picture and `observed` that returns the loss, a scalar.
        z: the fixed input, float32 [1, h, w, c].
        observed: name to float32 array; what the data term compares with.
        jitter: standard deviation of the noise added to z at each step.
        recorruption: factor a of recorrupted pairs, 0 for none; the first channels of z
            are then `observed["picture"]`.
        sigma: deviation s of the noise in the observed picture, for recorrupted pairs;
            0 where there is none.
        hiding: share of pixels that is hidden from z at a step, 0 for none. The first
            channels of z are then those of `observed["picture"]` and
            `observed["mask"]`.
        average: decay of the running average of outputs, 0 for the last output alone.
        average_from_first: start the average at the first output, uncorrected.
        weight_average: decay of the running average of weights, 0 for none. After t
            steps it is at most (1 + t) / (10 + t), so that the first steps are soon
            forgotten.
        penalty: function of a picture that is added to the data term in the loss, not
            where stopping rules look at the data term; None for none.
        window: number of recent outputs whose samples are kept, for rules that look at
            how much the outputs vary.
        seed: seed of the jitter.

    Attributes:
        planned_steps: how many steps were asked for.
        place: which of how many this is, counted from 1, and of what; for displays.
        tile: the part of a larger picture that is fitted; None for a whole one.
        current_picture: gives the picture [H, W, C] in [0, 1] that the fit has come to,
            finished by the task; for callbacks.
    """

    def __init__(
        self,
        network: keras.Model,
        data_term: Callable[[Any, dict[str, Any]], Any],
        z: np.ndarray,
        observed: dict[str, np.ndarray],
        *,
        jitter: float = 0.0,
        recorruption: float = 0.0,
        sigma: float = 0.0,
        hiding: float = 0.0,
        average: float = 0.0,
        average_from_first: bool = False,
        weight_average: float = 0.0,
        penalty: Callable[[Any], Any] | None = None,
        window: int = 0,
        seed: int = 0,
    ) -> None:
        """Hold everything that a step needs in variables."""
        super().__init__(name="deep_image_prior")
        self.network = network
        self.data_term = data_term
        self.jitter = jitter
        self.recorruption = recorruption
        self.sigma = _variable(np.asarray(sigma), "sigma")
        self._recorrupts = bool(recorruption and sigma)
        self.hiding = hiding
        self.average = average
        self.average_from_first = average_from_first
        self.weight_average = weight_average
        self.penalty = penalty
        self.window = window
        self.z = _variable(z, "z")
        self.placed_on = getattr(self.z.value, "device", None)
        device = str(self.placed_on).lower()
        # What TensorFlow calls it, and JAX those of NVIDIA and of AMD.
        self.is_on_gpu = any(name in device for name in ("gpu", "cuda", "rocm"))
        self.observed = {key: _variable(x, key) for key, x in observed.items()}
        self.output_sum = _variable(np.zeros((1, *network.output_shape[1:])), "average")
        self.steps_taken = _variable(np.zeros(()), "steps_taken")
        self.last_loss = _variable(np.zeros(()), "last_loss")
        self.averaged_weights = []
        if weight_average:
            self.averaged_weights = [
                _variable(ops.convert_to_numpy(weight), f"average_{i}")
                for i, weight in enumerate(network.trainable_variables)
            ]
        size = int(np.prod(network.output_shape[1:])) if window else 0
        self._sampled = np.random.default_rng(0).permutation(size)[:SAMPLES]
        self.recent = _variable(np.zeros((window, len(self._sampled))), "recent")
        self.planned_steps = 0
        self.place = (1, 1, "member")
        self.tile: Window | None = None
        self.current_picture: Callable[[], np.ndarray] = lambda: self.picture()[0]
        self.jitter_seed = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, z: Any, training: bool | None = None) -> Any:
        """Return the network's picture of z."""
        return self.network(z, training=training)

    def draw_and_compare(self) -> tuple[Any, Any, Any]:
        """Return the loss that has the gradient, the loss, and the output of a step."""
        z, observed = self._draw()
        with momentum(self.network, 1.0):
            output = self.network(z, training=True)
        loss = self.data_term(output, observed)
        if self.penalty is not None:
            loss = loss + self.penalty(output)
        return self.optimizer.scale_loss(loss), loss, output

    def note(self, loss: Any, output: Any) -> None:
        """Keep what is kept of a step, after its weights were moved."""
        self._add_to_averages(output)
        # What is hidden varies, and the error there with it.
        past = 0.9 if self.hiding else 0.0
        self.last_loss.assign(self.last_loss * past + loss * (1 - past))

    def _draw(self) -> tuple[Any, dict[str, Any]]:
        """Return z and the observation with the noise of this step."""
        z, observed = self.z.value, dict(self.observed)
        if self.jitter:
            z = z + self.jitter * keras.random.normal(z.shape, seed=self.jitter_seed)
        if self._recorrupts:
            channels = self.output_sum.shape[-1]
            shape = (*z.shape[:3], channels)
            drawn = keras.random.normal(shape, seed=self.jitter_seed)
            noise = self.sigma.value * drawn
            change = self._inside(noise) / self.recorruption
            observed["picture"] = self.observed["picture"] - change
            none = ops.zeros((*z.shape[:3], z.shape[3] - channels))
            z = z + ops.concatenate([self.recorruption * noise, none], axis=-1)
        if self.hiding:
            shape = (*z.shape[:3], 1)
            drawn = keras.random.uniform(shape, seed=self.jitter_seed)
            hidden = ops.cast(drawn < self.hiding, "float32")
            observed["mask"] = self.observed["mask"] * self._inside(hidden)
            count = sum(self.observed[name].shape[-1] for name in ("picture", "mask"))
            known = z[..., :count] * (1 - hidden)
            z = ops.concatenate([known, z[..., count:]], axis=-1)
        return z, observed

    def _inside(self, x: Any) -> Any:
        """Return the part of an array of the size of z that the crop keeps."""
        height, width = self.output_sum.shape[1:3]
        rows, columns = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
        return x[:, rows : rows + height, columns : columns + width]

    def _add_to_averages(self, output: Any) -> None:
        decay, step = self.average, self.steps_taken.value
        if self.average_from_first:
            decay = ops.where(step == 0, 0.0, decay)
        self.output_sum.assign(self.output_sum * decay + output * (1 - decay))
        if self.averaged_weights:
            share = 1 - ops.minimum(self.weight_average, (2 + step) / (11 + step))
            for mean, weight in zip(
                self.averaged_weights, self.network.trainable_variables, strict=True
            ):
                mean.assign_add((ops.cast(weight, "float32") - mean) * share)
        if self.window:
            samples = ops.take(ops.reshape(output, (-1,)), self._sampled)
            row = ops.cast(step, "int32") % self.window
            self.recent.assign(
                ops.slice_update(self.recent.value, (row, 0), samples[np.newaxis])
            )
        self.steps_taken.assign_add(1)

    def picture_of(self, z: Any) -> Any:
        """Return the picture [1, H, W, C] that the averaged weights make of z.

        The statistics are those of this z, as in the fit. Without averaged weights the
        present ones are used.
        """
        weights = self.averaged_weights or self.network.trainable_variables
        with momentum(self.network, 1.0):
            picture, _ = self.network.stateless_call(
                [weight.value for weight in weights],
                [v.value for v in self.network.non_trainable_variables],
                z,
                training=True,
            )
        return picture

    def picture(self, z: np.ndarray | None = None) -> np.ndarray:
        """Return the picture that the fit has come to, [1, H, W, C].

        Args:
            z: in place of the fit's own, for averaged weights; [1, h, w, c].
        """
        if not self.averaged_weights:
            return self.averaged_output
        z = ops.convert_to_numpy(self.z) if z is None else z
        picture: np.ndarray = self.averaged_picture(z)
        return picture

    def candidate(self) -> Candidate:
        """Return the picture that the fit has come to, as weights."""
        self.sync()
        weights = self.averaged_weights or self.network.trainable_variables
        return Candidate(
            self.step,
            self.arrays_of(weights),
            self.averaged_output if self.average else None,
        )

    @property
    def metrics(self) -> list[Any]:
        """Return none: Keras would report its own mean, never updated, as the loss."""
        return []

    @property
    def averaged_output(self) -> np.ndarray:
        """Return the running average so far, [1, H, W, C]; the last output if none."""
        self.sync()
        total = ops.convert_to_numpy(self.output_sum).copy()
        if self.average == 0 or self.average_from_first or self.step == 0:
            return total
        return total / (1 - self.average**self.step)

    @property
    def step(self) -> int:
        """Return the number of steps behind the weights and the average."""
        self.sync()
        return int(ops.convert_to_numpy(self.steps_taken))

    @property
    def loss_so_far(self) -> float:
        """Return the loss of the last step; where pixels are hidden, of about ten."""
        self.sync()
        return float(ops.convert_to_numpy(self.last_loss))

    @property
    def state(self) -> list[Any]:
        """Return the variables that make up the progress of the fit.

        The seed of the jitter is left out on purpose: who goes back to an earlier state
        should not meet the noise again that led astray.
        """
        self.sync()
        progress = [self.output_sum, self.steps_taken, self.last_loss]
        variables = [*self.network.variables, *self.optimizer.variables]
        return [*variables, *self.averaged_weights, *progress]

    @property
    def progress(self) -> list[Any]:
        """Return all variables that change, the seed of the jitter among them."""
        return [*self.state, self.recent, self.jitter_seed.state]

    def become(self, other: "PriorModel") -> None:
        """Begin the fit that another model of the same graph would begin.

        The train step that was traced for this one stays good for it.
        """
        for mine, theirs in zip(self._contents, other._contents, strict=True):
            mine.assign(theirs.value)

    @property
    def _contents(self) -> list[Any]:
        """Return all variables, also those that stay as they are during a fit."""
        given = [self.z, self.sigma, *self.observed.values()]
        return [*self.progress, *given]

    def take_steps(
        self,
        steps: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        interval: int = REPORT_INTERVAL,
        *,
        first_report: int = 0,
    ) -> None:
        """Fit for `steps` steps, with a report to the callbacks every `interval`.

        A fit that is continued has `first_report` reports behind it.
        """
        keep_freed_memory()
        self.planned_steps = steps
        interval = min(interval, steps)
        counts = step_counts(steps, interval, self._steps_per_call(interval))
        self.fit(
            counts[first_report:].reshape(-1, 1),
            batch_size=1,
            shuffle=False,
            initial_epoch=first_report,
            epochs=len(counts),
            steps_per_epoch=counts.shape[1],
            callbacks=list(callbacks),
            verbose=0,
        )

    def _steps_per_call(self, interval: int) -> int:
        if not self.loops:
            return 1
        budget = MACS_PER_CALL["gpu" if self.is_on_gpu else "cpu"]
        return int(np.clip(budget / max(forward_macs(self.network), 1), 1, interval))


def step_counts(steps: int, interval: int, per_call: int) -> np.ndarray:
    """Return how many steps each call takes, int32 [reports, calls per report].

    Every report covers `interval` steps in calls of at most `per_call`; the last one
    covers what is left. Calls of no step fill the rows up.
    """
    reports, calls = -(-steps // interval), -(-interval // per_call)
    ends = np.minimum(np.arange(1, calls + 1) * per_call, interval)
    ends = np.minimum(np.arange(reports)[:, np.newaxis] * interval + ends, steps)
    return np.diff(ends.ravel(), prepend=0).reshape(reports, calls).astype("int32")


def forward_macs(network: keras.Model) -> float:
    """Return the multiply-adds of the convolutions in one forward pass, at most."""
    return float(
        sum(
            np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape)
            for layer in all_layers(network)
            if len(getattr(getattr(layer, "kernel", None), "shape", ())) == 4
        )
    )


def _variable(value: np.ndarray, name: str) -> keras.Variable:
    return keras.Variable(value, dtype="float32", trainable=False, name=name)
