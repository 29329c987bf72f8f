"""From the candidates of members to the finished network and its picture.

The network is float32, whatever the steps were computed in, and where it has no room on
a GPU all is made on the CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip import memory
from keras_dip.arguments import device_scope
from keras_dip.fitting import Candidate
from keras_dip.interrupts import Interrupts
from keras_dip.member import UNFINISHED, Member, to_picture
from keras_dip.models.copies import mean, mean_of
from keras_dip.uncertainty import calibrated_deviation


@dataclass(frozen=True, eq=False)
class Finishing:
    """How the mean of members is finished.

    `members` have come to their ends; `finish` turns an output into the picture;
    `device` is where they were fitted, "cpu", "gpu" or None.
    """

    members: Sequence[Member]
    finish: Callable[[Any], Any]
    device: str | None

    def chosen(
        self, interrupts: Interrupts
    ) -> tuple[keras.Model, np.ndarray, np.ndarray | None]:
        """Return network, picture and deviation [H, W, C] of the chosen candidates.

        Ctrl-C, as `interrupts` heard it, shortens what can be shortened. There is no
        deviation of a single member.
        """
        last = self.members[-1]
        hurry = last.stopped_by in ("interrupt", "time limit")

        def made() -> tuple[keras.Model, np.ndarray, np.ndarray | None]:
            networks = [
                member.network_for(member.chosen, interrupts, hurry=hurry)
                for member in self.members
            ]
            outputs = self._outputs(networks, last.latent.values)
            picture = to_picture(self.finish(mean(outputs)))
            deviation = None
            if len(networks) > 1:
                deviation = self._deviation(networks, outputs)
            return mean_of(networks), picture, deviation

        return memory.or_on_cpu(made, self.device)

    def at(self, candidates: Sequence[Candidate]) -> tuple[keras.Model, np.ndarray]:
        """Return network and picture [H, W, C] of other candidates, one of each."""

        def made() -> tuple[keras.Model, np.ndarray]:
            pairs = zip(self.members, candidates, strict=True)
            networks = [m.network_for(c, Interrupts()) for m, c in pairs]
            outputs = self._outputs(networks, self.members[-1].latent.values)
            return mean_of(networks), to_picture(self.finish(mean(outputs)))

        with device_scope(self.device):
            return memory.or_on_cpu(made, self.device)

    def picture_at(self, candidates: Sequence[Candidate]) -> np.ndarray:
        """Return the picture of other candidates without their network."""

        def made() -> np.ndarray:
            pairs = zip(self.members, candidates, strict=True)
            outputs = [member.output_for(c) for member, c in pairs]
            return to_picture(self.finish(sum(outputs) / len(outputs)))

        with device_scope(self.device):
            return memory.or_on_cpu(made, self.device)

    def ending(self, interrupts: Interrupts) -> tuple[str, str]:
        """Return what ended the fits, as a word and as a sentence."""
        last = self.members[-1]
        cut = [m for m in self.members if m.stopped_by in UNFINISHED]
        told = cut[0] if cut and last.stopped_by not in UNFINISHED else last
        if interrupts.came and told.stopped_by != "interrupt":
            return "interrupt", "Interrupted while finishing."
        return told.stopped_by, told.reason

    def _outputs(self, networks: Sequence[keras.Model], z: np.ndarray) -> list[Any]:
        """Return what the finished networks of the members make of z, [1, H, W, C]."""
        pairs = zip(self.members, networks, strict=True)
        return [member.model.output_of(network, z) for member, network in pairs]

    def _deviation(
        self, networks: Sequence[keras.Model], outputs: Sequence[Any]
    ) -> np.ndarray:
        """Return the deviation of each pixel of the mean of outputs."""
        error, first = None, self.members[0]
        if first.rule is not None:
            seen = [to_picture(x) for x in self._outputs(networks, first.seen_z)]
            error = first.rule.squared_error(np.mean(seen, axis=0, keepdims=True))
        pictures = np.stack([to_picture(output) for output in outputs])
        deviation = calibrated_deviation(pictures, None if error is None else error[0])
        # Before finishing: known pixels pasted in would count as free of error.
        centre = pictures.mean(axis=0)
        low, high = (
            ops.convert_to_numpy(self.finish(ops.convert_to_tensor(x[np.newaxis])))[0]
            for x in (centre - deviation, centre + deviation)
        )
        return np.asarray(np.abs(high - low) / 2)
