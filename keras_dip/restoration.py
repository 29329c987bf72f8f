"""The result of a fit: the restored picture, how it came about, how to keep it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dip.latents import Latent
from keras_dip.tiles import Tiling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_dip.onnx_io.export import Graph


@dataclass(frozen=True, eq=False)
class Source:
    """What an ONNX export needs beside the picture.

    `network_at` gives the network of other candidates, and its picture [H, W, C];
    `picture_at` the picture alone, sooner: averages of outputs are taken as they are.
    """

    network: Any
    latent: Latent
    finish: Callable[[Any], Any]
    picture_dtype: str
    network_at: Callable[[Any], tuple[Any, np.ndarray]] | None = None
    picture_at: Callable[[Any], np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Tile:
    """What makes the picture of one tile, beside the network that all share."""

    weights: list[np.ndarray]
    latent: Latent
    finish: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tiles of a picture, as many as were fitted, in their order."""

    tiling: Tiling
    network: Any
    fitted: tuple[Tile, ...]

    @property
    def are_complete(self) -> bool:
        """Whether all tiles were fitted."""
        return len(self.fitted) == len(self.tiling.windows)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An iterate that was kept: weights, and what the stopping rule measured.

    `candidates` has one for each member; `criterion` is the mean over them.
    """

    candidates: Any = field(repr=False)
    criterion: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a restoration can be judged by: what went in, and how it was damaged.

    `given` is the picture x0 [h, w, c] in the integers it came in, or floats in [0, 1];
    `degrade` is A, from [1, H, W, C] to [1, h, w, c], or None where no pixels are
    compared; `known` is 1 where x0 was seen and 0 where it was not, None for 1;
    `reference` is the ground truth [H, W, C], if it was given; `arguments` are those of
    `DeepImagePrior` that were given, as Python writes them.
    """

    given: np.ndarray
    degrade: Callable[[Any], Any] | None = None
    known: np.ndarray | None = None
    reference: np.ndarray | None = None
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def observed(self) -> np.ndarray:
        """x0, float32 [h, w, c] in [0, 1]."""
        from keras_dip.images.convert import to_unit

        return to_unit(self.given)

    def residual(self, image: np.ndarray) -> np.ndarray | None:
        """Return x0 - A(x) of a picture [H, W] or [H, W, C], 0 where x0 is not known.

        Returns:
            float32 [h, w, c]; None where no pixels are compared.
        """
        if self.degrade is None:
            return None
        from keras import ops

        made = self.degrade(image.reshape(1, *image.shape[:2], -1))
        made = made[0] if isinstance(made, list) else made  # of several, the first
        # In place, as a picture can be most of the memory.
        residual: np.ndarray = self.observed
        residual -= ops.convert_to_numpy(made)[0]
        if self.known is not None:
            residual *= self.known
        return residual


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored picture with its history.

    Attributes:
        image: float32 in [0, 1], [H, W] or [H, W, C] as the input was (a mosaic
            becomes [H, W, 3]); by definition what the exported network gives from `z`.
        history: name to 1-D array, one entry per report: `step`, `loss`, `seconds`,
            `criterion` (of the stopping rule, lower is better; NaN before it has one),
            `psnr` (dB) and `ssim` where a reference was given, and `member` or `tile`
            (from 0) where there were several.
        settings: everything that was set, as plain data.
        steps: steps taken.
        best_step: the step whose result `image` is; of the last member, if several.
        stopped_by: the name of the stopping rule, "time limit", "steps", "interrupt",
            "diverged", "callback" or "error".
        stop_reason: the same as a sentence.
        seconds: seconds of the whole fit.
        compile_seconds: those of this run, about, in which the train step was traced
            and compiled; 0 where it was known from an earlier fit.
        uncertainty: standard deviation of the error of each pixel as estimated from
            several members, float32 of the shape of `image`; None with one member.
        snapshots: the iterates that were kept, by step (of the last member, if
            several); see `at`.
        tiles: the networks of all tiles, where the picture was cut; else None. `source`
            is then that of the first.
        evidence: what the restoration can be judged by, for `report` and `compare`.
    """

    image: np.ndarray
    history: dict[str, np.ndarray]
    settings: dict[str, Any]
    steps: int
    best_step: int
    stopped_by: str
    stop_reason: str
    seconds: float
    source: Source = field(repr=False)
    uncertainty: np.ndarray | None = None
    snapshots: dict[int, Snapshot] = field(default_factory=dict, repr=False)
    tiles: Tiles | None = field(default=None, repr=False)
    evidence: Evidence | None = field(default=None, repr=False)
    compile_seconds: float = 0.0

    @property
    def z(self) -> np.ndarray:
        """The network's input, float32 [1, h, w, c]; of tiles [n, h, w, c]."""
        if self.tiles is None:
            return self.source.latent.values
        return np.concatenate([tile.latent.values for tile in self.tiles.fitted])

    def at(self, step: int) -> "Restoration":
        """Return the restoration as it was at one of the steps of `snapshots`.

        Raises:
            ValueError: if that step was not kept.
        """
        if step not in self.snapshots or self.source.network_at is None:
            kept = ", ".join(map(str, self.snapshots)) or "none (snapshots=0)"
            raise ValueError(f"Expected a step of {kept}. Received: {step!r}")
        if step == self.best_step:
            return self
        network, image = self.source.network_at(self.snapshots[step].candidates)
        return replace(
            self,
            image=image[..., 0] if self.image.ndim == 2 else image,
            best_step=step,
            source=replace(self.source, network=network),
        )

    def picture_at(self, step: int) -> np.ndarray:
        """Return `at(step).image` without its network, which can take a while to get.

        Raises:
            ValueError: if that step was not kept.
        """
        if step == self.best_step:
            return self.image
        if step not in self.snapshots or self.source.picture_at is None:
            return self.at(step).image
        image = self.source.picture_at(self.snapshots[step].candidates)
        return image[..., 0] if self.image.ndim == 2 else image

    def report(
        self,
        path: str | Path,
        *,
        title: str | None = None,
        command: str | None = None,
        onnx: str | Path | None = None,
        force: bool = False,
    ) -> None:
        """Write one HTML page that shows the restoration, and how it came about.

        It has a slider between before and after, the iterates that were kept
        (`snapshots`), the curves, what was left out (x0 - A(x)), z, the network and all
        settings. The page needs no network and no other file.

        Args:
            path: the page, `.html` or `.htm`.
            title: what the picture is called.
            command: the command that makes the restoration again; None for Python.
            onnx: the file that `export` wrote, for a link.
            force: replace an existing file.

        Raises:
            ImageError: if the file exists and `force` is False, or cannot be written.
        """
        from keras_dip import images
        from keras_dip.report import SUFFIXES, page_of

        images.check_output(path, force=force, suffixes=SUFFIXES)
        page = page_of(self, path, title=title, command=command, onnx=onnx)
        # Names of files need not be text: what no letter stands for is shown as "?".
        data = page.encode(errors="replace")
        images.atomic_write(path, lambda file: file.write(data))

    def plot(self) -> "Figure":
        """Return the curves of the fit as a matplotlib figure."""
        from keras_dip.report.figures import curves

        return curves(self)

    def compare(self) -> "Figure":
        """Return before, after and what was left out as a matplotlib figure."""
        from keras_dip.report.figures import comparison

        return comparison(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: before, after, and a line of figures."""
        from keras_dip.report import card_of

        return card_of(self)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the picture to a file, in the format of its suffix.

        16-bit pictures are written with 16 bits where the format has them, all others
        with 8; `image` has the numbers themselves.

        Raises:
            ImageError: if the file exists and `force` is False, or cannot be written,
                or the format cannot hold so many channels.
        """
        from keras_dip import images
        from keras_dip.errors import ImageError
        from keras_dip.images.formats import FORMATS
        from keras_dip.images.output import format_of

        images.check_output(path, force=force)
        if self.image.ndim == 3 and self.image.shape[2] in (2, 4):
            raise ImageError(
                "Expected a picture without alpha for a picture file; numpy.save keeps "
                f"any. Received: shape {self.image.shape}."
            )
        deep = self.source.picture_dtype == "uint16"
        deep &= "uint16" in FORMATS[format_of(path)].depths
        info = images.ImageInfo(mode="", dtype="uint16" if deep else "uint8")
        images.write(self.image, path, info=info, force=force)

    def export(
        self, path: str | Path, *, half: bool = False, force: bool = False
    ) -> None:
        """Write the fitted network and z as one ONNX file that regenerates the picture.

        `onnxruntime.InferenceSession(path).run(None, {})[0]` is then the picture,
        float32 [1, H, W, C]. With `half` the weights are stored as float16.

        A path that ends in `.keras` gets the network alone as a Keras model, to start
        the fit of a similar picture from (`DeepImagePrior.fit(..., warm_start=path)`).

        Tiles are joined in one graph; where that would be larger than 1.5 GB they are
        written as `NAME.tiles/0000.onnx` and so on, and the file is their table
        (docs/onnx.md), which `regenerate` reads.

        Raises:
            ImageError: if the file exists and `force` is False, or cannot be written.
            ExportError: if onnxruntime does not give this picture from the file, or
                not all tiles were fitted.
        """
        from keras_dip import images, keras_files
        from keras_dip.errors import ExportError
        from keras_dip.onnx_io.export import export

        images.check_output(path, force=force, suffixes=(".onnx", ".keras"))
        if self.tiles is not None and not self.tiles.are_complete:
            raise ExportError(
                f"Expected a picture of which all {len(self.tiles.tiling.windows)} "
                f"tiles were fitted. Received: {len(self.tiles.fitted)}"
            )
        if Path(path).suffix.lower() == ".keras":
            if self.tiles is not None:
                raise ExportError(
                    "Expected a picture that was fitted as a whole for a .keras file. "
                    f"Received: {len(self.tiles.fitted)} tiles"
                )
            keras_files.save(path, self.source.network)
            return
        shape = self.image.shape if self.image.ndim == 3 else (*self.image.shape, 1)
        export(
            path,
            self._graphs(),
            self.image.reshape(1, *shape),
            self._metadata(half),
            tiling=None if self.tiles is None else self.tiles.tiling,
            half=half,
        )

    def _graphs(self) -> Iterator["Graph"]:
        """Return what becomes a graph, one after the other: tiles share a network."""
        from keras_dip.onnx_io.export import Graph

        source = self.source
        if self.tiles is None:
            yield Graph(source.network, source.latent, source.finish)
            return
        for tile in self.tiles.fitted:
            self.tiles.network.set_weights(tile.weights)
            yield Graph(self.tiles.network, tile.latent, tile.finish)

    def _mode(self) -> str:
        """Return Pillow's name for such pixels, or the number of channels."""
        channels = 1 if self.image.ndim == 2 else self.image.shape[2]
        if channels == 1 and self.source.picture_dtype == "uint16":
            return "I;16"
        return {1: "L", 3: "RGB"}.get(channels, f"{channels} channels")

    def _metadata(self, half: bool) -> dict[str, str]:
        from keras_dip.onnx_io.export import OPSET
        from keras_dip.onnx_io.metadata import encode
        from keras_dip.onnx_io.verify import tolerance

        options = self.settings["task_options"]
        latent = self.source.latent
        return encode(
            {
                "task": self.settings["task"],
                "shape": list(self.image.shape),
                "seed": self.settings["seed"],
                "steps": self.steps,
                "best_step": self.best_step,
                "network": {
                    "name": self.settings["network"],
                    "options": self.settings["network_options"],
                },
                "settings": self.settings,
                "versions": self.settings["versions"],
                "source_dtype": self.source.picture_dtype,
                "source_mode": self._mode(),
                "latent": {
                    "kind": latent.kind,
                    "contains_picture": latent.contains_picture,
                },
                "pastes_known": bool(options.get("keep_known", False)),
                "half": half,
                "tolerance": tolerance(half),
                "opset": OPSET,
                "weights": int(self.source.network.count_params()),
            }
        )
