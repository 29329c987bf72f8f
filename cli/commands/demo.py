"""keras-dip demo: add noise to a sample picture, restore it, and show the gain."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_dip.cli import options
from keras_dip.cli.messages import Messages

if TYPE_CHECKING:
    import numpy as np

SIDE = 256
TOP, LEFT = 0, 96  # the face and shoulders of the astronaut
NOISE = 25  # standard deviation in 8-bit grey levels
NOISE_SEED = 0


@options.with_params(
    [options.steps_option(), options.force_option(), *options.verb_options()]
)
@click.command("demo", short_help="Restore a sample picture, to see how it works.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="keras_dip_demo",
    show_default=True,
    help="Where the pictures go; made if it does not exist.",
)
@click.pass_obj
def command(messages: Messages, folder: Path, steps: int | None, force: bool) -> int:
    """Add noise to a sample picture, take it out again, and say how well that went.

    Writes the clean, the noisy and the restored picture, the ONNX file and the report.
    Nothing is downloaded.
    """
    from keras_dip import images
    from keras_dip.cli.fit import fit, make_task
    from keras_dip.cli.folders import make_folder
    from keras_dip.cli.snapshots import COUNT
    from keras_dip.cli.task_command import exit_code
    from keras_dip.images.convert import quantise
    from keras_dip.metrics import psnr

    clean_file = folder / "demo_clean.png"
    noisy_file = folder / "demo_noisy.png"
    restored_file = folder / "demo_restored.png"
    onnx_file = folder / "demo.onnx"
    report_file = folder / "demo.html"
    make_folder(folder)
    for file in (clean_file, noisy_file, restored_file, onnx_file, report_file):
        images.check_output(file, force=force, suffixes=(file.suffix,))
    clean = sample_picture()
    noisy = add_noise(clean)
    images.write(clean, clean_file, force=force)
    images.write(noisy, noisy_file, force=force)
    messages.note(f"Added noise (sigma {NOISE}) to a sample picture: {noisy_file}")

    outcome = fit(
        make_task("denoise", {}),
        quantise(noisy, "uint8"),
        reference=clean,
        settings={"steps": steps, "snapshots": COUNT},
        messages=messages,
    )
    restoration = outcome.restoration
    images.write(restoration.image, restored_file, force=force)
    if outcome.error is not None:
        raise outcome.error
    restoration.export(onnx_file, force=force)
    restoration.report(
        report_file,
        title=noisy_file.name,
        command=command_of_demo(folder, steps),
        onnx=onnx_file,
        force=force,
    )
    before, after = psnr(noisy, clean), psnr(restoration.image, clean)
    messages.note(
        f"Restored it in {restoration.seconds:.0f} s, {restoration.steps} steps: "
        f"{restored_file}\n"
        f"PSNR against the clean picture: {before:.2f} dB before, {after:.2f} dB after."
        f"\nWhat happened, to look at in a browser: {report_file}\n"
        f"{onnx_file} regenerates it:\n"
        f"  keras-dip regenerate {onnx_file} -o again.png\n"
        "Your own picture:\n"
        "  keras-dip denoise photo.jpg -o restored.png"
    )
    return exit_code(restoration)


def command_of_demo(folder: Path, steps: int | None) -> str:
    """Return the command line of a demo."""
    steps_given = [] if steps is None else ["--steps", str(steps)]
    return shlex.join(["keras-dip", "demo", "--folder", str(folder), *steps_given])


def sample_picture() -> np.ndarray:
    """Return a crop of a photograph that comes with scikit-image, [H, W, 3] floats."""
    from skimage import data

    from keras_dip.images.convert import to_unit

    whole = data.astronaut()  # Eileen Collins, NASA, public domain
    return to_unit(whole[TOP : TOP + SIDE, LEFT : LEFT + SIDE])


def add_noise(clean: np.ndarray) -> np.ndarray:
    """Return the picture with Gaussian noise, as an 8-bit file would hold it."""
    import numpy as np

    from keras_dip.images.convert import quantise, to_unit

    noise = np.random.default_rng(NOISE_SEED).normal(0, NOISE / 255, clean.shape)
    return to_unit(quantise(clean + noise, "uint8"))
