"""The page of a restoration, and the card that a notebook shows."""

import base64
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import keras_dip
from keras_dip.metrics import psnr, ssim
from keras_dip.report import network_diagram
from keras_dip.report.curves import known_curves
from keras_dip.report.embedding import Embedded, embedded
from keras_dip.report.maps import correlation_map, deviation_map, residual_map
from keras_dip.report.reproduction import python_of
from keras_dip.report.residual import (
    autocorrelation,
    in_words,
    middle_of,
    whiteness,
)
from keras_dip.report.svg import curve_svg

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration

SUFFIXES = (".html", ".htm")
LEVELS = 255
FRAME_SIDE = 1024  # pixels of an iterate, at most
MAP_SIDE = 768
CARD_SIDE = 320
Z_CHANNELS, Z_SIDE = 8, 128
Panel = tuple[str, np.ndarray, np.ndarray | None]
Rows = list[tuple[str, str]]
MIDDLE = 1024  # pixels of a residual whose neighbours are compared, on a side
REACH = 12  # pixels of the autocorrelation that is shown


def page_of(
    restoration: "Restoration",
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    command: str | None = None,
    onnx: str | os.PathLike[str] | None = None,
) -> str:
    """Return the page of a restoration as HTML.

    Args:
        restoration: what is shown.
        path: where the page will be, for the link to the ONNX file.
        title: what the picture is called.
        command: the command that makes it again; None for Python.
        onnx: the ONNX file beside it, if there is one.
    """
    script = _part("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = _templates().get_template("page.html")
    return template.render(
        title=title or "A picture",
        task=restoration.settings["task"].replace("_", " "),
        outcome=_outcome(restoration),
        facts=_facts(restoration),
        pictures=_pictures(restoration),
        frames=_frames(restoration),
        chosen=None if restoration.tiles else restoration.best_step,
        why_no_frames=_why_no_frames(restoration),
        curves=[
            (curve, curve_svg(restoration, curve))
            for curve in known_curves(restoration)
        ],
        residual=_residual(restoration),
        uncertainty=_uncertainty(restoration),
        z=_z(restoration),
        network=_network(restoration),
        command=command or python_of(restoration),
        command_is_shell=command is not None,
        onnx=None if onnx is None else _link(onnx, path),
        settings=list(_tables(restoration.settings)),
        version=keras_dip.__version__,
        style=Markup(_part("style.css")),
        script=Markup(script),
        script_hash=digest,
    )


def card_of(restoration: "Restoration") -> str:
    """Return before and after side by side, with a line of figures, as HTML."""
    pictures: list[Panel] = [("after", restoration.image, None)]
    if restoration.evidence is not None:
        evidence = restoration.evidence
        pictures.insert(0, ("before", evidence.observed, evidence.known))
    shown = [
        (name, embedded(picture, known=known, longest=CARD_SIDE))
        for name, picture, known in pictures
    ]
    return _templates().get_template("card.html").render(
        pictures=shown,
        task=restoration.settings["task"].replace("_", " "),
        outcome=_outcome(restoration),
        facts=_facts(restoration),
    )  # fmt: skip


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("keras_dip.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _part(name: str) -> str:
    """Return a file of ours that goes into the page as it is."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class Fact:
    """A figure worth a glance: a name, a value, and what it is compared with."""

    name: str
    value: str
    note: str = ""


def _outcome(restoration: "Restoration") -> str:
    if restoration.stop_reason:
        return restoration.stop_reason
    return f"{restoration.steps} steps were taken."


def _facts(restoration: "Restoration") -> list[Fact]:
    height, width = restoration.image.shape[:2]
    members = restoration.settings.get("members", 1)
    several = (
        f" in {len(restoration.tiles.fitted)} tiles" if restoration.tiles else
        f" of {members} members" if members > 1 else ""
    )  # fmt: skip
    facts = [
        Fact("Picture", f"{width} × {height}", "pixels"),  # noqa: RUF001
        *_chosen(restoration),
        Fact(
            "Time", _clock(restoration.seconds), f"{restoration.steps} steps{several}"
        ),
    ]
    facts += _against_reference(restoration)
    sigma = restoration.settings.get("noise_sigma")
    if sigma:
        facts.append(Fact("Noise", f"{sigma * LEVELS:.1f}", "deviation, grey levels"))
    return facts


def _chosen(restoration: "Restoration") -> list[Fact]:
    """Return which step was chosen; of tiles, each has its own."""
    if restoration.tiles is not None:
        return []
    planned = restoration.settings.get("steps")
    note = f"of at most {planned}" if planned else ""
    return [Fact("Chosen step", str(restoration.best_step), note)]


def _against_reference(restoration: "Restoration") -> list[Fact]:
    evidence = restoration.evidence
    if evidence is None or evidence.reference is None:
        return []
    reference = evidence.reference
    after = restoration.image.reshape(reference.shape)
    facts = []
    for name, measure, form in (("PSNR", psnr, "{:.2f} dB"), ("SSIM", ssim, "{:.3f}")):
        note = "against the undamaged picture"
        if evidence.observed.shape == reference.shape and evidence.known is None:
            note = f"before {form.format(measure(evidence.observed, reference))}"
        facts.append(Fact(name, form.format(measure(after, reference)), note))
    return facts


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _pictures(restoration: "Restoration") -> dict[str, Embedded | None]:
    """Return after, and before and reference, None where they are not known."""
    pictures = {"after": embedded(restoration.image), "before": None, "reference": None}
    evidence = restoration.evidence
    if evidence is not None:
        pictures["before"] = embedded(evidence.observed, known=evidence.known)
        if evidence.reference is not None:
            pictures["reference"] = embedded(evidence.reference)
    return pictures


@dataclass(frozen=True)
class Frame:
    """An iterate of the film strip, with what is known of it."""

    step: int
    picture: Embedded
    is_chosen: bool
    notes: Sequence[str]


def _frames(restoration: "Restoration") -> list[Frame]:
    if len(restoration.snapshots) < 2:
        return []
    return [_frame(restoration, step) for step in restoration.snapshots]


def _frame(restoration: "Restoration", step: int) -> Frame:
    """Return an iterate, of several members their mean, and how good that is."""
    picture, evidence = restoration.picture_at(step), restoration.evidence
    criterion = restoration.snapshots[step].criterion
    notes = []
    if evidence is not None and evidence.reference is not None:
        reference = evidence.reference
        notes.append(f"{psnr(picture.reshape(reference.shape), reference):.2f} dB")
    elif np.isfinite(criterion):
        notes.append(f"criterion {criterion:.2g}")
    shown = embedded(picture, is_lossy=True, longest=FRAME_SIDE)
    return Frame(step, shown, step == restoration.best_step, notes)


def _why_no_frames(restoration: "Restoration") -> str:
    if restoration.tiles is not None:
        return (
            "There is no film strip: the picture was restored in "
            f"{len(restoration.tiles.fitted)} tiles, one after the other, and was at "
            "no time a whole on its way."
        )
    return "No iterates were kept (snapshots=8 keeps some)."


def _residual(restoration: "Restoration") -> dict[str, Any] | None:
    """Return x0 - A(x) as pictures, figures and words."""
    evidence = restoration.evidence
    residual = None if evidence is None else evidence.residual(restoration.image)
    if evidence is None or residual is None:
        return None
    known = evidence.known
    weights = np.broadcast_to(1.0 if known is None else known, residual.shape)
    squares = float(np.vdot(residual, residual))
    rms = float(np.sqrt(squares / max(weights.sum(), 1)))
    middle = middle_of(residual, MIDDLE)
    known_middle = None if known is None else middle_of(known, MIDDLE)
    white = whiteness(middle, known_middle)
    picture, scale = residual_map(residual)
    alike = autocorrelation(middle, known_middle, REACH)
    return {
        "picture": embedded(picture, known=known, is_lossy=True, longest=MAP_SIDE),
        "scale": f"{scale * LEVELS:.3g}",
        "correlation": embedded(correlation_map(alike)),
        "reach": REACH,
        "rms": f"{rms * LEVELS:.2f}",
        "whiteness": "" if np.isnan(white) else f"{white:.2f}",
        "words": in_words(white, rms),
        "part": "" if middle is residual else f"the middle {MIDDLE}x{MIDDLE} pixels",
    }


def _uncertainty(restoration: "Restoration") -> dict[str, Any] | None:
    if restoration.uncertainty is None:
        return None
    picture, highest, gradient = deviation_map(restoration.uncertainty)
    return {
        "picture": embedded(picture, is_lossy=True, longest=MAP_SIDE),
        "highest": f"{highest * LEVELS:.3g}",
        "mean": f"{float(restoration.uncertainty.mean()) * LEVELS:.3g}",
        "gradient": gradient,
    }


def _z(restoration: "Restoration") -> dict[str, Any]:
    """Return the channels of z (of the first tile) that are shown, and its facts."""
    latent = restoration.source.latent
    _, height, width, channels = latent.codes.shape
    shown = []
    for channel in range(min(channels, Z_CHANNELS)):
        plane = latent.values[0, ..., channel]
        span = float(np.ptp(plane)) or 1.0
        shown.append(embedded((plane - plane.min()) / span, longest=Z_SIDE))
    return {
        "kind": latent.kind,
        "shape": f"{channels} channel{'s' * (channels > 1)} of {width} × {height}",  # noqa: RUF001
        "contains_picture": latent.contains_picture,
        "channels": shown,
        "hidden": channels - len(shown),
    }


def _network(restoration: "Restoration") -> dict[str, Any]:
    model = restoration.source.network
    part, count = network_diagram.parts_of(model)
    levels = network_diagram.levels_of(part)
    diagram = None
    if levels:
        z = restoration.source.latent.codes.shape[1:]
        image = tuple(model.output_shape[1:])
        diagram = network_diagram.diagram_of(levels, z, image)
    return {
        "name": restoration.settings["network"],
        "weights": f"{int(part.count_params()):,}",
        "count": count,
        "diagram": diagram,
    }


def _link(
    file: str | os.PathLike[str], page: str | os.PathLike[str]
) -> tuple[str, str]:
    """Return the name of a file, and how the page refers to it."""
    target, folder = os.path.abspath(file), os.path.dirname(os.path.abspath(page))
    try:
        relative = Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:  # on another drive
        return os.path.basename(target), Path(target).as_uri()
    # "./": a colon in a name would be taken for a scheme.
    return os.path.basename(target), quote(os.fsencode(f"./{relative}"))


def _tables(settings: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Yield all settings as tables, each with its caption: first the plain ones."""
    inside = {name: value for name, value in settings.items() if _is_table(value)}
    plain = {name: settings[name] for name in settings if name not in inside}
    for caption, values in {"fit": plain, **inside}.items():
        rows = [(name, _in_words(value)) for name, value in values.items()]
        yield caption.replace("_", " ").capitalize(), rows


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _in_words(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
