"""What each file format can hold, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from keras_dip.errors import ImageError


@dataclass(frozen=True)
class Format:
    """What a format can hold when it is written.

    Attributes:
        suffixes: Of its files, the usual one first.
        depths: What it stores without loss of depth.
        channels: Numbers of channels beside alpha; None for any.
        alpha: At which depths it holds transparency.
        carries: The metadata that travels: "icc_profile", "exif", "xmp", "dpi", "note".
        longest_side: In pixels, or None.
    """

    suffixes: tuple[str, ...]
    depths: tuple[str, ...] = ("uint8",)
    channels: tuple[int, ...] | None = (1, 3)
    alpha: tuple[str, ...] = ()
    carries: frozenset[str] = frozenset()
    longest_side: int | None = None


_ALL = frozenset({"icc_profile", "exif", "xmp", "dpi", "note"})
_ANY = ("uint8", "uint16", "float32")

FORMATS = {
    "PNG": Format((".png",), ("uint8", "uint16"), alpha=_ANY[:2], carries=_ALL),
    # Of libjpeg, the largest side.
    "JPEG": Format((".jpg", ".jpeg"), carries=_ALL, longest_side=65500),
    "TIFF": Format((".tif", ".tiff"), _ANY, None, alpha=_ANY, carries=_ALL),
    "WEBP": Format(
        (".webp",), alpha=("uint8",), carries=_ALL - {"dpi"}, longest_side=16383
    ),
    "AVIF": Format((".avif",), alpha=("uint8",), carries=_ALL - {"dpi"}),
    "BMP": Format((".bmp",), carries=frozenset({"dpi"})),
    "PNM": Format((".ppm", ".pgm", ".pnm"), ("uint8", "uint16")),
    "NPY": Format((".npy",), _ANY, None, alpha=_ANY),
    "NPZ": Format((".npz",), _ANY, None, alpha=_ANY),
}
BY_SUFFIX = {suffix: name for name, f in FORMATS.items() for suffix in f.suffixes}
SUFFIXES = tuple(BY_SUFFIX)

_WORDS = {
    "uint8": "an 8-bit picture",
    "uint16": "a 16-bit picture",
    "float32": "a picture of floating-point numbers",
}


def check_format(name: str, dtype: str, channels: int, has_alpha: bool) -> None:
    """Refuse a format that cannot hold such pixels; ImageError says which can."""
    what = _WORDS[dtype]
    if channels not in (1, 3):
        what += f" of {channels} channels"
    if has_alpha:
        what += " with transparency"
    if not _holds(name, dtype, channels, has_alpha):
        others = [
            f.suffixes[0]
            for other, f in FORMATS.items()
            if _holds(other, dtype, channels, has_alpha)
        ]
        depth = "" if dtype == "uint8" else " (or --depth 8)"
        raise ImageError(
            f"Expected {', '.join(others)} for {what}{depth}. "
            f"Received: {name}, which cannot hold it."
        )


def _holds(name: str, dtype: str, channels: int, has_alpha: bool) -> bool:
    kind = FORMATS[name]
    if name == "PNG" and has_alpha and dtype == "uint16" and channels == 1:
        return False  # no library at hand writes it
    return (
        dtype in kind.depths
        and (kind.channels is None or channels in kind.channels)
        and (not has_alpha or (dtype in kind.alpha and channels in (1, 3)))
    )
