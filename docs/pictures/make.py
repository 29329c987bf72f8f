"""Make the pictures of the task pages: python docs/pictures/make.py [NAME ...].

Crops of pictures that ship with scikit-image are damaged from a fixed seed, written as
files, and restored by the very commands that the pages show, with the default presets.
Each sheet shows the damaged, the restored and the clean crop side by side. With
--folder DIR the files are kept in DIR/NAME, so that the commands can be tried there;
--inputs leaves the restoring to you. All together take some minutes.
"""

import argparse
import io
import os
import re
import runpy
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage import data

FOLDER = Path(__file__).parent
SIDE = 160
CLEAN = "clean.png"
Files = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One sheet.

    Attributes:
        commands: what restores the files.
        columns: title and file of each picture of the sheet, from left to right; a
            title that ends in "dB" gets the PSNR against CLEAN, or the file that is
            named after it.
        inputs: gives the files to begin with by name: arrays, texts or bytes.
        finished: files that the commands write and that are shown as they are.
    """

    commands: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    inputs: Callable[[], Files] = dict
    finished: tuple[str, ...] = ()


CASES: dict[str, Case] = {
    # The studies of the method (keras_dip/experiments) draw their own pictures.
    "learning-curves": Case(
        ("keras-dip experiment learning-curves --folder . --seed 0",),
        finished=("learning-curves.png",),
    ),
    "trajectory": Case(
        ("keras-dip experiment trajectory --steps 1200 --folder . --seed 0",),
        finished=("trajectory.png", "trajectory-strip.png"),
    ),
    "spaces": Case(
        ("keras-dip experiment spaces --steps 3000 --folder . --seed 0",),
        finished=("spaces.png",),
    ),
    "architectures": Case(
        ("keras-dip experiment architectures --folder . --seed 0",),
        finished=("architectures.png",),
    ),
}


def case(*commands: str, **columns: str) -> Callable[[Callable[[], Files]], Any]:
    """Register a function that returns files, under its name.

    Args:
        commands: what restores them.
        columns: titles by the stems of their files.
    """

    def register(inputs: Callable[[], Files]) -> Any:
        files = tuple((title, f"{stem}.png") for stem, title in columns.items())
        CASES[inputs.__name__] = Case(commands, files, inputs)
        return inputs

    return register


def crop(name: str, row: int, column: int, side: int = SIDE) -> np.ndarray:
    """Return part of a picture of scikit-image, float32 in [0, 1]."""
    part = getattr(data, name)()[row : row + side, column : column + side]
    return (part / 255).astype("float32")


def in_8_bits(picture: Any) -> np.ndarray:
    """Return a picture [h, w] or [h, w, c] in [0, 1] as a file would hold it."""
    return np.rint(np.asarray(picture).clip(0, 1) * 255).astype("uint8")


def noisy(picture: np.ndarray, levels: float) -> np.ndarray:
    """Return a picture with noise of so many levels of 255, in 8 bits."""
    noise = np.random.default_rng(0).normal(0, levels / 255, picture.shape)
    return in_8_bits(picture + noise)


def known(shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return a mask [h, w] that keeps this share of the pixels."""
    return np.random.default_rng(0).uniform(size=shape) < share


def reduced(picture: np.ndarray, factor: int) -> np.ndarray:
    """Return a picture made so many times smaller, in 8 bits."""
    from keras_dip.ops.downsample import downsample

    return in_8_bits(np.asarray(downsample(picture[None], factor))[0])


def stretched(picture: np.ndarray, side: int, resampling: int) -> np.ndarray:
    """Return a picture of 8 bits enlarged to a square."""
    return np.asarray(Image.fromarray(picture).resize((side, side), resampling))


@case(
    "keras-dip denoise noisy.png -o restored.png --seed 0",
    noisy="noisy dB",
    restored="restored dB",
    clean="clean",
)
def denoise() -> Files:
    """Gaussian noise of 25 levels."""
    clean = crop("coffee", 100, 180)
    return {CLEAN: clean, "noisy.png": noisy(clean, 25)}


@case(
    "keras-dip denoise few.png --noise poisson -o restored.png --seed 0",
    few="photons dB",
    restored="restored dB",
    clean="clean",
)
def photons() -> Files:
    """At most 30 photons per pixel."""
    clean = crop("astronaut", 20, 150)
    counts = np.random.default_rng(0).poisson(clean * 30)
    return {CLEAN: clean, "few.png": counts / 30}


@case(
    "keras-dip denoise specks.png --noise impulse -o restored.png --seed 0",
    specks="impulses dB",
    restored="restored dB",
    clean="clean",
)
def impulses() -> Files:
    """A tenth of the values black or white."""
    clean, rng = crop("chelsea", 60, 120), np.random.default_rng(0)
    hit, value = rng.uniform(size=clean.shape) < 0.1, rng.integers(0, 2, clean.shape)
    return {CLEAN: clean, "specks.png": np.where(hit, value, clean)}


@case(
    "keras-dip inpaint painted.png --mask known.png -o restored.png --seed 0",
    painted="under text",
    restored="restored dB",
    clean="clean",
)
def inpaint_text() -> Files:
    """Text over a picture."""
    clean = crop("astronaut", 20, 150)
    page = Image.new("L", (SIDE, SIDE), 255)
    font = ImageFont.load_default(size=15)
    text = "\n".join(
        ["one picture is", "all there is; its", "own structure", "fills"] * 2
    )
    ImageDraw.Draw(page).multiline_text((8, 4), text, fill=0, font=font)
    mask = np.asarray(page) > 127
    return {CLEAN: clean, "painted.png": clean * mask[..., None], "known.png": mask}


@case(
    "keras-dip inpaint holes.png --mask known.png -o restored.png --seed 0",
    holes="half missing",
    restored="restored dB",
    clean="clean",
)
def inpaint_pixels() -> Files:
    """Half of the pixels missing."""
    clean = crop("chelsea", 60, 120)
    mask = known(clean.shape[:2], 0.5)
    return {CLEAN: clean, "holes.png": clean * mask[..., None], "known.png": mask}


@case(
    "keras-dip super-resolve small.png --factor 4 -o restored.png --seed 0",
    bicubic="bicubic dB",
    restored="restored dB",
    clean="clean",
)
def super_resolve() -> Files:
    """Enlarged four times."""
    clean = crop("coffee", 100, 180)
    small = reduced(clean, 4)
    large = stretched(small, SIDE, Image.Resampling.BICUBIC)
    return {CLEAN: clean, "small.png": small, "bicubic.png": large}


@case(
    "keras-dip deblur soft.png --gaussian 1.6 -o restored.png --seed 0",
    soft="blurred dB",
    restored="restored dB",
    clean="clean",
)
def deblur() -> Files:
    """A Gaussian blur of 1.6 pixels and noise of 2 levels."""
    clean = crop("camera", 60, 150)
    return {CLEAN: clean, "soft.png": noisy(gaussian_filter(clean, 1.6), 2)}


@case(
    "keras-dip demosaic mosaic.png --pattern RGGB -o restored.png --seed 0",
    mosaic="mosaic",
    restored="restored dB",
    clean="clean",
)
def demosaic() -> Files:
    """A Bayer mosaic."""
    from keras_dip.ops.mosaic import mosaic

    clean = crop("astronaut", 20, 150)
    raw = np.asarray(mosaic(clean[None], "RGGB"))[0]
    return {CLEAN: clean, "mosaic.png": raw.reshape(SIDE, SIDE)}


@case(
    "keras-dip dejpeg blocky.jpg -o restored.png --seed 0",
    blocky="quality 10 dB",
    restored="restored dB",
    clean="clean",
)
def dejpeg() -> Files:
    """A JPEG file of quality 10."""
    clean, file = crop("coffee", 100, 180), io.BytesIO()
    Image.fromarray(in_8_bits(clean)).save(file, "JPEG", quality=10)
    shown = np.asarray(Image.open(file))
    return {CLEAN: clean, "blocky.jpg": file.getvalue(), "blocky.png": shown}


@case(
    "keras-dip flash dim.png --flash flash.png -o restored.png --seed 0",
    flash="flash",
    dim="dim dB",
    restored="restored dB",
    clean="clean",
)
def flash() -> Files:
    """Noise of 25 levels in dim light, with a flash picture."""
    bright = crop("astronaut", 20, 150)
    clean = (bright * [0.5, 0.4, 0.25]).astype("float32")
    return {CLEAN: clean, "dim.png": noisy(clean, 25), "flash.png": bright**0.8}


@case(
    "keras-dip enhance photo.png --strength 2 -o crisp.png --seed 0",
    photo="photo",
    crisp="enhanced, strength 2",
)
def enhance() -> Files:
    """Detail twice as strong."""
    return {"photo.png": crop("chelsea", 60, 120)}


DAMAGE = """\
[[degradation]]
task = "super-resolve"   # it was made small
factor = 2

[[degradation]]
task = "inpaint"         # then pixels were lost: a mask of the small picture
mask = "known.png"
"""


@case(
    "keras-dip restore bad.png --degradation damage.toml -o restored.png --seed 0",
    shown="half the size",
    restored="restored dB",
    clean="clean",
)
def restore() -> Files:
    """Made half as large, then 15 % of the pixels lost."""
    clean = crop("coffee", 100, 180)
    small = reduced(clean, 2)
    mask = known(small.shape[:2], 0.85)
    bad = small * mask[..., None]
    return {
        CLEAN: clean,
        "bad.png": bad,
        "known.png": mask,
        "damage.toml": DAMAGE,
        "shown.png": stretched(bad, SIDE, Image.Resampling.NEAREST),
    }


@case(
    "keras-dip reconstruct face.png -o face150.png --steps 150 --stop none --seed 0",
    "keras-dip reconstruct noise.png -o noise150.png --steps 150 --stop none --seed 0",
    face="a face",
    face150="150 steps dB face.png",
    noise="noise",
    noise150="150 steps dB noise.png",
)
def reconstruct() -> Files:
    """A picture and noise, after as many steps."""
    clean = crop("astronaut", 20, 150)
    noise = np.random.default_rng(0).uniform(size=clean.shape)
    return {"face.png": clean, "noise.png": noise}


@case(
    "python frames.py",
    bicubic="one, bicubic dB",
    restored="four together dB",
    clean="clean",
)
def operator() -> Files:
    """Four frames of half the size, shifted by a pixel; the program is the page's."""
    clean = crop("astronaut", 20, 150)
    page = (FOLDER.parent / "operator.md").read_text(encoding="utf-8")
    (program,) = re.findall(
        r"<!-- file: frames.py -->\n```python\n(.*?)```", page, re.S
    )
    frames = {}
    for number, shift in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)], 1):
        moved = np.roll(clean, shift, (0, 1))
        half = moved.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3))
        frames[f"frame{number}.png"] = in_8_bits(half)
    large = stretched(frames["frame1.png"], SIDE, Image.Resampling.BICUBIC)
    return {CLEAN: clean, "bicubic.png": large, "frames.py": program, **frames}


def texture_classifier(side: int = 96) -> Any:
    """Train a small network to tell brick, grass and gravel apart; ten seconds."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    sheets = [data.brick(), data.grass(), data.gravel()]
    x, y = [], []
    for label, sheet in enumerate(sheets):
        for row, column in rng.integers(0, 512 - side, (80, 2)):
            x.append(sheet[row : row + side, column : column + side] / 255)
            y.append(label)
    layers = keras.layers
    model = keras.Sequential([keras.Input((side, side, 1))])
    for index, width in enumerate((16, 32, 64), 1):
        model.add(layers.Conv2D(width, 3, padding="same", name=f"conv{index}"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(3, name="logits"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(np.stack(x)[..., None], np.array(y), epochs=12, verbose=0)
    return model


@case(
    "keras-dip feature-inversion wall.png --model net.keras --layer conv3 "
    "-o known.png --seed 0",
    "keras-dip activation-maximization size.png --model net.keras --layer logits "
    "--unit 0 -o brick.png --seed 0",
    "keras-dip activation-maximization size.png --model net.keras --layer logits "
    "--unit 1 -o grass.png --seed 0",
    wall="a wall",
    known="from conv3",
    brick="unit brick",
    grass="unit grass",
)
def features() -> Files:
    """What is left of a picture in the third layer, and what two units look for."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "net.keras")
        texture_classifier().save(path)
        return {
            "wall.png": crop("brick", 200, 100, 96),
            "size.png": np.zeros((96, 96)),
            "net.keras": path.read_bytes(),
        }


def write_inputs(files: Files, folder: Path) -> None:
    """Write the files to begin with: arrays as PNG, floats and booleans in 8 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        elif isinstance(content, str):
            (folder / name).write_text(content, encoding="utf-8")
        else:
            pixels = content if content.dtype == np.uint8 else in_8_bits(content)
            Image.fromarray(pixels).save(folder / name)


def run(commands: tuple[str, ...], folder: Path) -> None:
    """Run commands there, in this process: of keras-dip, or a Python program."""
    from keras_dip.cli import main

    with chdir(folder):
        for command in commands:
            program, *arguments = shlex.split(command)
            if program == "python":
                runpy.run_path(arguments[0])
            elif main([*arguments, "--force", "-q"]):
                sys.exit(f"failed: {command}")


def sheet(columns: tuple[tuple[str, str], ...], folder: Path) -> Image.Image:
    """Put pictures of a folder side by side, their titles above."""
    strip, gap = 18, 4
    images = [Image.open(folder / file).convert("RGB") for _, file in columns]
    size = max(image.height for image in images)
    page = Image.new("RGB", ((size + gap) * len(images) - gap, size + strip), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    for index, ((title, file), image) in enumerate(zip(columns, images, strict=True)):
        left = index * (size + gap)
        draw.text((left + 2, 1), _scored(title, folder, file), "black", font=font)
        page.paste(image, (left, strip))
    return page


def _scored(title: str, folder: Path, file: str) -> str:
    """Return a title with the PSNR in the place of its "dB"."""
    from keras_dip.metrics import psnr

    words, found, other = title.partition("dB")
    if not found:
        return title
    pictures = [
        np.asarray(Image.open(folder / name), "float32") / 255
        for name in (file, other.strip() or CLEAN)
    ]
    return f"{words}{psnr(*pictures):.1f} dB"


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--folder", type=Path, help="keep the files below this folder")
    parser.add_argument("--inputs", action="store_true", help="write the inputs alone")
    given = parser.parse_args()
    if given.inputs and given.folder is None:
        parser.error("--inputs needs --folder")
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.names or CASES:
            folder = (given.folder or Path(scratch)).absolute() / name
            write_inputs(CASES[name].inputs(), folder)
            if given.inputs:
                continue
            run(CASES[name].commands, folder)
            pages = {name: Image.open(folder / name) for name in CASES[name].finished}
            if CASES[name].columns:
                pages[name] = sheet(CASES[name].columns, folder)
            for title, page in pages.items():
                target = FOLDER / f"{Path(title).stem}.webp"
                page.convert("RGB").save(target, quality=92, method=6)
                print(target.name, os.path.getsize(target), flush=True)


if __name__ == "__main__":
    main()
