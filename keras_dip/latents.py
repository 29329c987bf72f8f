"""The fixed input z of the network: codes on an integer grid, and what they stand for.

z is stored as integers so that an ONNX file holds it exactly and in little space:
``z = codes * scale + offset``, one scale and offset per channel. Uniform and normal
noise and 8-bit pictures fit 256 levels, all else 65,536.
"""

from dataclasses import dataclass

import numpy as np

KINDS = ("noise", "normal", "meshgrid", "fourier", "picture", "picture+noise")
GIVEN = "given"
"""The kind of a z that the user brings."""

NOISE_HIGH = 0.1
"""Uniform noise is drawn from [0, 0.1), as published."""


@dataclass(frozen=True)
class Latent:
    """z on its integer grid.

    `codes` is uint8 or uint16 of shape [1, h, w, c]; `scale` and `offset` are float32
    of shape [c].
    """

    kind: str
    codes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    @property
    def contains_picture(self) -> bool:
        """Tell whether the degraded picture can be seen in z."""
        return self.kind.startswith("picture")

    @property
    def values(self) -> np.ndarray:
        """Return z as float32, [1, h, w, c]."""
        return self.codes.astype("float32") * self.scale + self.offset


def make_latent(
    kind: str,
    size: tuple[int, int],
    channels: int,
    seed: int,
    picture: np.ndarray | None = None,
) -> Latent:
    """Draw or compute z for a network that runs on `size` (height, width) pixels.

    Args:
        kind: "noise" is U[0, 0.1); "normal" is N(0, 1), cut at 4 deviations; "meshgrid"
            holds x and y in [0, 1]; "fourier" the sines and cosines of both at octaves
            (Tancik et al., NeurIPS 2020); "picture" is `picture`, and "picture+noise"
            that followed by `channels` of uniform noise; "given" is `picture` too, but
            one that the user brought.
        size: height and width in pixels.
        channels: number of channels that are drawn; of no meaning for "picture".
        seed: seed of what is drawn.
        picture: [1, h, w, c]; mirrored at its borders to reach `size`.
            8 bits are kept as they are; any other picture is stored on 65,536 levels
            of [0, 1], or from its least to its largest value where it goes beyond.

    Raises:
        ValueError: if the kind is unknown or the number of channels does not suit it.
    """
    rng = np.random.default_rng(seed)
    shape = (1, *size, channels)
    if kind == "noise":
        return _on_grid(kind, rng.integers(256, size=shape), 8, NOISE_HIGH / 256, 0.0)
    if kind == "normal":
        drawn = rng.standard_normal(shape).clip(-4, 4)
        return _on_grid(kind, np.rint((drawn + 4) * 255 / 8), 8, 8 / 255, -4.0)
    if kind == "meshgrid":
        if channels != 2:
            raise ValueError(
                f"Expected 2 channels for a meshgrid. Received: {channels}"
            )
        grid = np.stack(_coordinates(size), axis=-1)[np.newaxis]
        return _on_grid(kind, np.rint(grid * 65535), 16, 1 / 65535, 0.0)
    if kind == "fourier":
        waves = _fourier_features(size, channels)[np.newaxis]
        return _on_grid(kind, np.rint((waves + 1) * 65535 / 2), 16, 2 / 65535, -1.0)
    if kind in ("picture", GIVEN) and picture is not None:
        low, high = min(float(picture.min()), 0.0), max(float(picture.max()), 1.0)
        levels = 256 if _has_8_bits(picture) else 65536
        scale = (high - low) / (levels - 1)
        codes = np.rint((mirror_to(picture, size) - low) / scale)
        return _on_grid(kind, codes, 8 if levels == 256 else 16, scale, low)
    if kind == "picture+noise" and picture is not None:
        first = make_latent("picture", size, 0, seed, picture)
        return _joined(kind, first, make_latent("noise", size, channels, seed))
    check_kind(kind)
    raise ValueError(f"Expected a picture for the latent {kind!r}. Received: none")


def check_kind(kind: str) -> None:
    """Raise ValueError unless there is such a kind of z."""
    if kind not in (*KINDS, GIVEN):
        raise ValueError(f"Expected a latent of {', '.join(KINDS)}. Received: {kind!r}")


def latent_channels(kind: str, channels: int, picture: np.ndarray) -> int:
    """Return how many channels z has when `channels` are to be drawn."""
    fixed = {
        "meshgrid": 2,
        "picture": picture.shape[-1],
        GIVEN: picture.shape[-1],
        "picture+noise": picture.shape[-1] + channels,
        "fourier": -(-channels // 4) * 4,
    }
    return fixed.get(kind, channels)


def with_picture(z: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Return z [1, h, w, c] with its first channels replaced by a picture.

    The picture [1, H, W, C] is mirrored at its borders as in `make_latent`, but neither
    clipped nor put on a grid.
    """
    size = (z.shape[1], z.shape[2])
    rest = z[..., picture.shape[-1] :]
    return np.concatenate([mirror_to(picture, size), rest], axis=-1).astype("float32")


def _has_8_bits(picture: np.ndarray) -> bool:
    """Tell whether all values are multiples of 1/255 in [0, 1]."""
    codes = np.rint(picture * 255)
    inside = codes.min() >= 0 and codes.max() <= 255
    return bool(inside and np.abs(picture * 255 - codes).max() < 1e-3)


def _on_grid(
    kind: str,
    codes: np.ndarray,
    bits: int,
    scale: float,
    offset: float,
) -> Latent:
    channels = codes.shape[-1]
    return Latent(
        kind,
        codes.astype("uint8" if bits == 8 else "uint16"),
        np.full(channels, scale, "float32"),
        np.full(channels, offset, "float32"),
    )


def _joined(kind: str, first: Latent, second: Latent) -> Latent:
    """Join two latents along their channels, on the wider integer type of the two."""
    return Latent(
        kind,
        np.concatenate([first.codes, second.codes], axis=-1),
        np.concatenate([first.scale, second.scale]),
        np.concatenate([first.offset, second.offset]),
    )


def _coordinates(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y in [0, 1], each of shape [h, w]."""
    height, width = size
    y, x = np.meshgrid(
        np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij"
    )
    return x, y


def _fourier_features(size: tuple[int, int], channels: int) -> np.ndarray:
    """Return sines and cosines of x and y at 1, 2, 4 ... periods, [h, w, channels]."""
    if channels % 4 or channels == 0:
        raise ValueError(
            "Expected a multiple of 4 channels for Fourier features (sine and cosine "
            f"of x and y per octave). Received: {channels}"
        )
    waves = []
    for octave in range(channels // 4):
        for coordinate in _coordinates(size):
            angle = 2 * np.pi * 2**octave * coordinate
            waves += [np.sin(angle), np.cos(angle)]
    return np.stack(waves, axis=-1)


def mirror_to(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pad [1, h, w, c] to `size`, split evenly as the network's own crop is."""
    if any(p > s for s, p in zip(size, picture.shape[1:3], strict=True)):
        raise ValueError(
            f"Expected a z of at most {size[0]} x {size[1]} pixels (height x width), "
            f"on which the network runs. Received: {picture.shape[1:3]}"
        )
    before = [(s - p) // 2 for s, p in zip(size, picture.shape[1:3], strict=True)]
    sides = [
        (b, s - p - b) for b, s, p in zip(before, size, picture.shape[1:3], strict=True)
    ]
    # "symmetric" can mirror as often as needed, however small the picture.
    return np.pad(picture, [(0, 0), *sides, (0, 0)], mode="symmetric")
