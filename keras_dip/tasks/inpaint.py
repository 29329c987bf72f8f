"""Inpainting: A keeps the known pixels of a mask, and the prior fills the rest."""

import re
from typing import Any

import numpy as np

from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    thin_skip,
)

COLOUR_TOLERANCE = 8.5
"""Grey levels of 255 by which a channel may differ from the colour of a mask."""

_HOURGLASS_5 = (0, 0, 0, 0, 0)
_SPARSE_CHANNELS = (16, 32, 64, 128, 128)
_LIBRARY_CHANNELS = (16, 32, 64, 128, 128, 128)

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 8),
    "latent": "picture+noise",
    "latent_channels": 4,
    "beta_2": 0.95,
    "steps": 1200,
    "hiding": 0.2,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="inpaint",
    class_name="Inpaint",
    summary="Fill the missing pixels of a picture.",
    options=(
        Option(
            "mask",
            "mask",
            "Picture of the mask: white = known, black = missing. "
            "Without it, the picture's own alpha is the mask.",
        ),
        Option(
            "mask_color",
            "text",
            "Colour that was painted over what is missing, as '#ff00ff'; in place of "
            "a mask.",
        ),
        Option(
            "invert_mask",
            "flag",
            "The mask is white where pixels are missing.",
            default=False,
        ),
        Option(
            "keep_known",
            "flag",
            "Paste the known pixels back, untouched, into the result.",
            default=True,
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper-text": {
            "network_options": {
                "skip_channels": (128, 128, 128, 128, 128),
                "upsampling": "nearest",
            },
            "steps": 6001,
            "jitter": 0.03,
        },
        "paper-hole": {
            "network_options": {
                "skip_channels": _HOURGLASS_5,
                "upsampling": "nearest",
            },
            "latent": "meshgrid",
            "latent_channels": 2,
            "steps": 5001,
            "jitter": 0.03,
        },
        "paper-large-hole": {
            "network_options": {
                "down_channels": _LIBRARY_CHANNELS,
                "up_channels": _LIBRARY_CHANNELS,
                "skip_channels": (*_HOURGLASS_5, 0),
                "down_kernel_size": 5,
                "up_1x1": False,
                "upsampling": "nearest",
            },
            "latent_channels": 1,
            "steps": 3001,
            "jitter": 0.0,
        },
        "paper-large-hole-unet": {
            "network": "unet",
            "latent_channels": 1,
            "learning_rate": 0.001,
            "steps": 3001,
        },
        "paper-large-hole-resnet": {
            "network": "resnet",
            "latent_channels": 1,
            "learning_rate": 0.001,
            "steps": 3001,
        },
        "paper-sparse": {
            "network_options": {
                "down_channels": _SPARSE_CHANNELS,
                "up_channels": _SPARSE_CHANNELS,
                "skip_channels": _HOURGLASS_5,
                "downsampling": "avg",
            },
            "steps": 1000,
        },
        "paper-random": {"learning_rate": 0.001, "steps": 11000, "jitter": 0.03},
    },
)


class Inpaint(Task):
    """Fill missing pixels; `mask` is True (or 1, or white) where a pixel is known.

    `mask` is [h, w] for all channels at once or [h, w, c] for each; a mask of numbers
    counts as known above half of its range, and a Pillow image where it looks brighter
    than half. Without a mask the last channel of a 2- or 4-channel picture (its alpha)
    is used. `keep_known` pastes the known pixels of the input into the result, where
    the network's output only resembles them.

    `mask_color`, "#rrggbb", stands for a mask: pixels of the picture within 8 grey
    levels of 255 of it in each channel are missing. `invert_mask` turns the mask
    round: True (white, or of the colour) is then missing (known).

    Raises:
        ValueError: if the mask is not one, has another size than the picture, or no
            known pixel; if there are both a mask and a colour, or it is no colour.
    """

    declaration = DECLARATION

    def __init__(
        self,
        mask: Any = None,
        *,
        mask_color: str | None = None,
        invert_mask: bool = False,
        keep_known: bool = False,
    ) -> None:
        """Set the mask of known pixels, or the colour of the others."""
        if mask is not None and mask_color is not None:
            raise ValueError("Expected a mask or a mask_color. Received: both")
        self.mask = None if mask is None else _as_known(mask)
        self.mask_color = None if mask_color is None else _colour(mask_color)
        self.invert_mask = bool(invert_mask)
        self.keep_known = bool(keep_known)

    @property
    def takes_alpha(self) -> bool:
        """Without a mask of its own the picture's alpha is the mask."""
        return self.mask is None and self.mask_color is None

    @property
    def chains(self) -> bool:  # type: ignore[override]
        """A mask of its own is needed; alpha or a colour are of the last picture."""
        return self.mask is not None

    @property
    def known(self) -> np.ndarray | None:
        """The mask of known pixels [h, w, c]; None where the picture has to tell."""
        if self.mask is None:
            return None
        return ~self.mask if self.invert_mask else self.mask

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings; plain `paper` needs a variant here."""
        if preset == "paper":
            variants = [p for p in self.declaration.presets if p.startswith("paper-")]
            raise ValueError(
                "Expected a variant of the paper's inpainting settings: "
                f"{', '.join(variants)}. Received: 'paper'"
            )
        return super().preset_settings(preset)

    def prepare(self, picture: np.ndarray) -> Problem:
        """Split off or check the mask; missing pixels become 0."""
        mask = self.known
        if mask is None:
            if self.mask_color is not None:
                mask = _without_colour(picture, self.mask_color)
            else:
                picture, mask = _split_alpha(picture)
            mask = ~mask if self.invert_mask else mask
        self.check_known(mask, picture.shape)
        if not mask.any():
            raise ValueError(
                "Expected a mask with known pixels (white). Received: a mask in which "
                "every pixel is missing"
            )
        known = mask.astype("float32")
        observed = {"picture": (picture * known)[np.newaxis], "mask": known[np.newaxis]}
        return Problem(observed, picture.shape, self.initial_picture(observed))

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the picture with each hole filled by the mean of what is known."""
        picture, mask = observed["picture"], observed["mask"]
        known = np.broadcast_to(mask, picture.shape)
        mean = (picture * known).sum(axis=(1, 2)) / np.maximum(
            known.sum(axis=(1, 2)), 1
        )
        return np.where(known > 0, picture, mean[:, np.newaxis, np.newaxis])

    def z_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the known pixels, 0 elsewhere, followed by the mask."""
        return np.concatenate([observed["picture"], observed["mask"]], axis=-1)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the squared error on known pixels, averaged over all pixels."""
        from keras import ops

        error = (x - observed["picture"]) * observed["mask"]
        return ops.mean(ops.square(error))

    def finish(self, x: Any, observed: Arrays) -> Any:
        """Paste the known pixels back if `keep_known` asks for it."""
        if not self.keep_known:
            return x
        return x * (1.0 - observed["mask"]) + observed["picture"]

    def built_in(self) -> Any:
        """Return what the data term has beside what is observed."""
        return ()

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        colour = self.mask_color
        mask = "alpha" if self.mask is None else "given"
        return {
            "mask": mask if colour is None else "#" + bytes(colour).hex(),
            "invert_mask": self.invert_mask,
            "keep_known": self.keep_known,
        }


def _as_known(mask: Any) -> np.ndarray:
    """Return a mask as booleans [h, w, 1] or [h, w, c], True where known."""
    from PIL import Image

    from keras_dip.images.convert import as_mask, as_picture

    if isinstance(mask, Image.Image):
        # Its numbers may be those of a palette, or lie on their side.
        return as_mask(as_picture(mask)[0])
    array = np.asarray(mask)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            "Expected a mask of shape [height, width] or [height, width, channels]. "
            f"Received: shape {array.shape}"
        )
    if array.dtype != bool:
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise ValueError(
                "Expected a mask of booleans or finite numbers. "
                f"Received: dtype {array.dtype}"
            )
        # 0/1 masks occur in every dtype, 0/255 in wide ones too: np.where gives int64.
        is_grey_scale = array.dtype in (np.uint8, np.uint16)
        highest = np.iinfo(array.dtype).max if is_grey_scale else array.max()
        array = array > (highest / 2 if array.max() > 1 else 0.5)
    return array[..., np.newaxis] if array.ndim == 2 else array


def _colour(text: Any) -> tuple[int, int, int]:
    """Return red, green and blue of "#rrggbb", 0 to 255."""
    found = re.fullmatch(r"#?([0-9a-fA-F]{6})", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            "Expected mask_color as #rrggbb, two hexadecimal digits each. "
            f"Received: {text!r}"
        )
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue


def _without_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return where a picture is of another colour, booleans [h, w, 1]."""
    if picture.shape[2] not in (1, 3):
        raise ValueError(
            "Expected a grey or colour picture beside mask_color. "
            f"Received: {picture.shape[2]} channels"
        )
    difference = np.abs(picture - np.asarray(colour) / 255)
    known = np.max(difference, axis=-1, keepdims=True) > COLOUR_TOLERANCE / 255
    if known.all():
        raise ValueError(
            f"Expected pixels of the mask_color #{bytes(colour).hex()} in the picture. "
            "Received: none"
        )
    return known


def _split_alpha(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if picture.shape[2] not in (2, 4):
        raise ValueError(
            "Expected a mask, as Inpaint(mask) with True where pixels are known, or a "
            "picture with alpha (2 or 4 channels). "
            f"Received: a picture of {picture.shape[2]} channel(s) and no mask"
        )
    return picture[..., :-1], picture[..., -1:] > 0.5
