"""Make the pictures of the task pages: python docs/pictures/make.py [NAME ...].

Crops of pictures that ship with scikit-image, damaged from a fixed seed and restored
with the default presets, seed 0. Each file shows the damaged, the restored and the
clean crop side by side. All together take some minutes.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage import data

from keras_dip import (
    ActivationMaximization,
    Compose,
    Deblur,
    DeepImagePrior,
    DeJPEG,
    Demosaic,
    Denoise,
    Enhance,
    FeatureInversion,
    FlashNoFlash,
    Inpaint,
    Reconstruct,
    SuperResolve,
)
from keras_dip.metrics import psnr
from keras_dip.ops.downsample import downsample
from keras_dip.ops.mosaic import mosaic

FOLDER = Path(__file__).parent
SIDE = 160
CASES: dict[str, Callable[[], list[tuple[str, np.ndarray]]]] = {}


def case(make):
    """Register a function that returns titles and pictures under its name."""
    CASES[make.__name__] = make
    return make


def crop(name, row, column, side=SIDE):
    """Return part of a picture of scikit-image, float32 in [0, 1]."""
    part = getattr(data, name)()[row : row + side, column : column + side]
    return (part / 255).astype("float32")


def in_8_bits(picture):
    """Return a picture as a file would hold it."""
    return np.rint(picture.clip(0, 1) * 255).astype("uint8")


def noisy(picture, levels):
    """Return a picture with noise of so many levels of 255, in 8 bits."""
    noise = np.random.default_rng(0).normal(0, levels / 255, picture.shape)
    return in_8_bits(picture + noise)


def known(shape, share):
    """Return a mask that keeps this share of the pixels."""
    return np.random.default_rng(0).uniform(size=shape) < share


def three(task, damaged, clean, shown=None):
    """Restore, and return damaged, restored and clean with their PSNR."""
    restored = DeepImagePrior(task).fit(damaged).image
    shown = np.asarray(damaged) if shown is None else shown
    score = psnr(in_8_bits(restored) / np.float32(255), clean)
    before = ""
    if shown.shape == clean.shape:
        before = f" {psnr(in_unit(shown), clean):.1f} dB"
    return [
        (f"damaged{before}", shown),
        (f"restored {score:.1f} dB", restored),
        ("clean", clean),
    ]


def in_unit(picture):
    """Return integers or floats as float32 in [0, 1]."""
    if picture.dtype == np.uint8:
        return picture / np.float32(255)
    return picture.astype("float32")


@case
def denoise():
    """Gaussian noise of 25 levels."""
    clean = crop("coffee", 100, 180)
    return three(Denoise(), noisy(clean, 25), clean)


@case
def inpaint_text():
    """Text over a picture."""
    clean = crop("astronaut", 20, 150)
    page = Image.new("L", (SIDE, SIDE), 255)
    font = ImageFont.load_default(size=15)
    text = "\n".join(
        ["one picture is", "all there is; its", "own structure", "fills"] * 2
    )
    ImageDraw.Draw(page).multiline_text((8, 4), text, fill=0, font=font)
    mask = np.asarray(page) > 127
    return three(Inpaint(mask), in_8_bits(clean * mask[..., None]), clean)


@case
def inpaint_pixels():
    """Half of the pixels missing."""
    clean = crop("chelsea", 60, 120)
    mask = known(clean.shape[:2], 0.5)
    return three(Inpaint(mask), in_8_bits(clean * mask[..., None]), clean)


@case
def super_resolve():
    """Enlarged four times."""
    clean = crop("coffee", 100, 180)
    small = in_8_bits(np.asarray(downsample(clean[None], 4))[0])
    large = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    rows = three(SuperResolve(4), small, clean, np.asarray(large))
    return [(rows[0][0].replace("damaged", "bicubic"), rows[0][1]), *rows[1:]]


@case
def deblur():
    """A Gaussian blur of 1.6 pixels and noise of 2 levels."""
    clean = crop("camera", 60, 150)
    img = noisy(gaussian_filter(clean, 1.6), 2)
    return three(Deblur(gaussian=1.6), img, clean)


@case
def demosaic():
    """A Bayer mosaic."""
    clean = crop("astronaut", 20, 150)
    raw = in_8_bits(np.asarray(mosaic(clean[None], "RGGB"))[0])
    return three(Demosaic("RGGB"), raw, clean)


@case
def dejpeg():
    """A JPEG file of quality 10."""
    clean, file = crop("coffee", 100, 180), io.BytesIO()
    Image.fromarray(in_8_bits(clean)).save(file, "JPEG", quality=10)
    shown = np.asarray(Image.open(file))
    return three(DeJPEG(), Image.open(file), clean, shown)


@case
def flash():
    """Noise of 25 levels in dim light, with a flash picture."""
    bright = crop("astronaut", 20, 150)
    clean = (bright * [0.5, 0.4, 0.25]).astype("float32")
    rows = three(FlashNoFlash(bright**0.8), noisy(clean, 25), clean)
    return [("flash", bright**0.8), *rows]


@case
def enhance():
    """Detail twice as strong."""
    clean = crop("chelsea", 60, 120)
    return [
        ("picture", clean),
        ("enhanced, strength 2", DeepImagePrior(Enhance(2.0)).fit(clean).image),
    ]


@case
def chain():
    """Made half as large, then 15 % of the pixels lost."""
    clean = crop("coffee", 100, 180)
    small = in_8_bits(np.asarray(downsample(clean[None], 2))[0])
    mask = known(small.shape[:2], 0.85)
    img = small * mask[..., None]
    shown = img.repeat(2, 0).repeat(2, 1)
    return three(Compose(SuperResolve(2), Inpaint(mask)), img, clean, shown)


@case
def reconstruct():
    """The picture and noise, after as many steps."""
    clean = crop("astronaut", 20, 150)
    noise = np.random.default_rng(0).uniform(size=clean.shape).astype("float32")
    rows = []
    for name, picture in (("picture", clean), ("noise", noise)):
        fit = DeepImagePrior(Reconstruct(), steps=150, stop="none").fit(picture)
        score = psnr(fit.image, picture)
        rows += [(name, picture), (f"150 steps {score:.1f} dB", fit.image)]
    return rows


def texture_classifier(side=96):
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


@case
def features():
    """What is left of a picture in the third layer, and what two units look for."""
    model, size = texture_classifier(), np.zeros((96, 96, 1), "float32")
    photo = (data.brick()[200:296, 100:196, None] / 255).astype("float32")
    inverted = DeepImagePrior(FeatureInversion(model, "conv3")).fit(photo).image
    rows = [("picture", photo), ("from conv3", inverted)]
    for unit, name in ((0, "unit brick"), (1, "unit grass")):
        task = ActivationMaximization(model, "logits", unit)
        rows.append((name, DeepImagePrior(task).fit(size).image))
    return rows


def sheet(pictures, strip=18, gap=4):
    """Put pictures side by side, their titles above."""
    arrays = []
    for _, picture in pictures:
        array = picture if picture.dtype == np.uint8 else in_8_bits(picture)
        array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
        arrays.append(Image.fromarray(array).convert("RGB"))
    size = max(image.height for image in arrays)
    width = (size + gap) * len(arrays) - gap
    page = Image.new("RGB", (width, size + strip), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    for index, ((title, _), image) in enumerate(zip(pictures, arrays, strict=True)):
        left = index * (size + gap)
        draw.text((left + 2, 1), title, fill="black", font=font)
        page.paste(image, (left, strip))
    return page


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        page = sheet(CASES[name]())
        page.save(FOLDER / f"{name}.webp", quality=92, method=6)
        print(name, (FOLDER / f"{name}.webp").stat().st_size, flush=True)
