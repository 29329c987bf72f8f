import io
import sys

import numpy as np
import pytest
from PIL import Image

from keras_dip.cli import options
from keras_dip.errors import ExportError, FitError

CHATTER = "chatter of a library on standard output\n"
DENOISE = ("denoise", "in.png", "-o", "out.png")


def one_line(err):
    assert err.startswith("keras-dip: ")
    return err.count("\n") == 1


def test_a_picture_is_restored_and_written(cli, prior, picture, pixels):
    original = picture()

    ran = cli(*DENOISE, "--onnx", "out.onnx")

    assert (ran.code, ran.out) == (0, b"")
    np.testing.assert_array_equal(pixels("out.png"), original)
    last = ran.err.splitlines()[-1]
    assert last == "70 steps in 0:05, best step 50, wrote out.png and out.onnx"


@pytest.mark.parametrize(
    ("shape", "dtype"), [((6, 8, 3), "uint8"), ((6, 8), "uint8"), ((6, 8), "uint16")]
)
def test_depth_and_rank_reach_the_fit_and_the_file(
    cli, prior, picture, pixels, shape, dtype
):
    original = picture(shape=shape, dtype=dtype)

    assert cli(*DENOISE).code == 0

    seen = prior.made[0].img
    assert seen.dtype == dtype
    np.testing.assert_array_equal(seen, original)
    np.testing.assert_array_equal(pixels("out.png"), original)


def test_options_reach_the_fit(cli, prior, picture):
    picture()

    ran = cli(
        *DENOISE, "--sigma", "51", "--preset", "paper", "--steps", "9", "--seed", "4",
        "--learning-rate", "0.5", "--network", "hourglass", "--device", "cpu",
        "--dtype-policy", "mixed_bfloat16",
        "--stop", "emv", "--time-limit", "2.5", "--members", "3", "--blend", "0.1",
    )  # fmt: skip

    assert ran.code == 0
    (made,) = prior.made
    assert made.task.sigma == pytest.approx(0.2)
    assert made.settings == {
        "preset": "paper",
        "steps": 9,
        "seed": 4,
        "learning_rate": 0.5,
        "network": "hourglass",
        "device": "cpu",
        "dtype_policy": "mixed_bfloat16",
        "stop": "emv",
        "time_limit": 2.5,
        "members": 3,
        "blend": 0.1,
    }


def test_what_was_not_given_is_left_to_the_fit(cli, prior, picture):
    picture()

    cli(*DENOISE)

    assert prior.made[0].settings == {"preset": "fast", "seed": 0}
    assert prior.made[0].reference is None


def test_half_makes_the_onnx_file_half(cli, prior, picture, folder):
    picture()

    assert cli(*DENOISE, "--onnx", "out.onnx", "--half").code == 0

    assert (folder / "out.onnx").read_bytes() == b"half"


def test_a_fit_begins_where_another_ended(cli, prior, picture, folder):
    picture()

    assert cli(*DENOISE, "--keras", "net.keras").code == 0
    ran = cli(*DENOISE, "--force", "--warm-start", "net.keras", "--keras", "net.keras")
    assert ran.code == 1 and "an output that is not an input" in ran.err

    assert cli(*DENOISE, "--force", "--warm-start", "net.keras").code == 0
    assert [made.warm_start for made in prior.made] == [None, "net.keras"]
    assert (folder / "net.keras").read_bytes() == b"full"


@pytest.mark.parametrize("existing", ["out.png", "out.onnx"])
def test_an_existing_output_is_refused_before_the_fit(
    cli, prior, picture, folder, existing
):
    picture()
    (folder / existing).write_bytes(b"mine")

    ran = cli(*DENOISE, "--onnx", "out.onnx")

    assert ran.code == 1 and one_line(ran.err) and existing in ran.err
    assert (folder / existing).read_bytes() == b"mine"
    assert prior.made == []

    assert cli(*DENOISE, "--onnx", "out.onnx", "--force").code == 0
    assert (folder / existing).read_bytes() != b"mine"


def test_an_output_that_is_an_input_is_always_refused(cli, prior, picture):
    picture()
    picture("mask.png")

    assert cli("denoise", "in.png", "-o", "in.png", "--force").code == 1
    masked = ("inpaint", "in.png", "--mask", "mask.png", "--force")
    assert cli(*masked, "-o", "mask.png").code == 1
    referred = ("denoise", "in.png", "--reference", "mask.png", "--force")
    assert cli(*referred, "-o", "mask.png").code == 1
    assert prior.made == []


@pytest.mark.parametrize(("shape", "dtype"), [((6, 8, 4), "uint8"), ((6, 8), "uint16")])
def test_a_format_that_loses_something_is_refused_before_the_fit(
    cli, prior, picture, shape, dtype
):
    picture(shape=shape, dtype=dtype)

    ran = cli("denoise", "in.png", "-o", "out.jpg")

    assert ran.code == 1 and one_line(ran.err) and ".png" in ran.err
    assert prior.made == []


@pytest.mark.parametrize(
    ("verb", "width"),
    [(("denoise",), 16384), (("super-resolve", "--factor", "4"), 4096)],
    ids=["denoise", "super-resolve"],
)
def test_a_result_too_large_for_its_format_is_refused_before_the_fit(
    cli, prior, picture, verb, width
):
    picture(shape=(1, width))

    ran = cli(*verb, "in.png", "-o", "out.webp")

    assert ran.code == 1 and one_line(ran.err)
    assert ".png or .tif" in ran.err and "16384x" in ran.err
    assert prior.made == []


def test_alpha_is_carried(cli, prior, picture, pixels):
    original = picture(shape=(6, 8, 4))

    assert cli(*DENOISE).code == 0

    assert prior.made[0].img.shape == (6, 8, 3)
    np.testing.assert_array_equal(pixels("out.png")[..., 3], original[..., 3])


@pytest.mark.parametrize(
    "arguments",
    [
        ("denoise", "in.png"),
        ("denoise", "-o", "out.png"),
        (*DENOISE, "--steps", "0"),
        (*DENOISE, "--steps", "-1"),
        (*DENOISE, "--seed", "-1"),
        (*DENOISE, "--learning-rate", "0"),
        (*DENOISE, "--learning-rate", "nan"),
        (*DENOISE, "--sigma", "0"),
        (*DENOISE, "--sigma", "nan"),
        (*DENOISE, "--preset", "fastest"),
        (*DENOISE, "--network", "transformer"),
        (*DENOISE, "--device", "tpu"),
        (*DENOISE, "--half"),
        (*DENOISE, "--stop", "soon"),
        (*DENOISE, "--time-limit", "0"),
        (*DENOISE, "--time-limit", "inf"),
        (*DENOISE, "--members", "0"),
        (*DENOISE, "--blend", "1.1"),
        (*DENOISE, "--blend", "nan"),
        (*DENOISE, "--uncertainty", "sd.npy"),
        (*DENOISE, "--uncertainty", "sd.npy", "--members", "1"),
        (*DENOISE, "--uncertainty", "-", "--members", "2"),
        (*DENOISE, "--uncertainty", "./out.png", "--members", "2"),
        (*DENOISE, "--onnx", "-"),
        (*DENOISE, "-q", "-v"),
        ("denoise", "-", "-o", "out.png", "--reference", "-"),
        ("super-resolve", "in.png", "-o", "out.png"),
        ("super-resolve", "in.png", "-o", "out.png", "--factor", "0"),
        ("super-resolve", "in.png", "-o", "out.png", "--factor", "1"),
        ("super-resolve", "in.png", "-o", "out.png", "--factor", "2.5"),
        ("inpaint", "in.png", "-o", "out.png", "--preset", "paper"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_and_nothing_is_written(
    cli, prior, picture, folder, arguments
):
    picture()

    ran = cli(*arguments)

    assert ran.code == 2
    assert ran.err.startswith("Usage: ") and "Traceback" not in ran.err
    assert [path.name for path in folder.iterdir()] == ["in.png"]


@pytest.mark.parametrize("sigma", ["300", "0", "-5", "nan", "inf"])
def test_a_wrong_sigma_is_told_in_grey_levels(cli, prior, picture, sigma):
    picture()

    ran = cli(*DENOISE, "--sigma", sigma)

    told = ran.err.splitlines()[-1]
    assert ran.code == 2 and "--sigma" in told and "[0, 1]" not in told
    assert sigma in told
    assert "255" in told or "finite" in told


def test_the_largest_sigma_is_255_grey_levels(cli, prior, picture):
    picture()

    assert cli(*DENOISE, "--sigma", "255").code == 0
    assert prior.made[0].task.sigma == 1


def test_the_stopping_rules_are_those_of_the_library():
    from keras_dip.stopping import NAMES

    assert options.STOPS == NAMES


def test_the_summary_tells_rule_step_and_reason(cli, prior, picture):
    picture()
    prior.stopped_by = "fission"

    ran = cli(*DENOISE, "--members", "2")

    assert ran.err.splitlines()[-2:] == [
        "The fit ended by fission.",
        "70 steps of 2 members in 0:05, stopped by fission, best step 50, wrote "
        "out.png",
    ]


def test_what_the_fit_refuses_as_argument_is_wrong_usage(cli, prior, picture):
    def refuse(self, task, **settings):
        raise ValueError("Expected a kinder network.")

    picture()
    prior.__init__ = refuse

    ran = cli(*DENOISE)

    assert ran.code == 2 and "Expected a kinder network." in ran.err


@pytest.mark.parametrize(
    "contents", [None, b"", b"no picture"], ids=["missing", "empty", "other"]
)
def test_an_unreadable_picture_is_one_line(cli, prior, folder, contents):
    if contents is not None:
        (folder / "in.png").write_bytes(contents)

    ran = cli(*DENOISE)

    assert ran.code == 1 and one_line(ran.err) and "in.png" in ran.err
    assert prior.made == []


def test_standard_input_and_output(cli, prior, picture, folder, standard_input):
    original = picture()
    standard_input((folder / "in.png").read_bytes())

    ran = cli("denoise", "-", "-o", "-")

    assert ran.code == 0
    # All of it is the picture: nothing before the PNG and nothing after its last chunk.
    assert ran.out.startswith(b"\x89PNG") and ran.out.endswith(b"IEND\xaeB`\x82")
    with Image.open(io.BytesIO(ran.out)) as image:
        np.testing.assert_array_equal(np.asarray(image), original)
    assert "chatter" in ran.err and "wrote standard output" in ran.err


def test_a_terminal_gets_no_png(cli, prior, picture, monkeypatch):
    picture()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    ran = cli("denoise", "in.png", "-o", "-")

    assert ran.code == 2 and ran.out == b"" and "terminal" in ran.err
    assert prior.made == []


def test_ctrl_c_writes_the_best_picture(cli, prior, picture, folder):
    picture()
    prior.stopped_by = "interrupt"

    ran = cli(*DENOISE, "--onnx", "out.onnx")

    assert ran.code == 130
    assert (folder / "out.png").exists() and (folder / "out.onnx").exists()
    assert "The fit ended by interrupt." in ran.err


def test_ctrl_c_before_the_first_step_writes_nothing(cli, prior, picture, folder):
    picture()
    prior.error, prior.keeps_restoration = KeyboardInterrupt(), False

    ran = cli(*DENOISE)

    assert ran.code == 130 and "Traceback" not in ran.err
    assert not (folder / "out.png").exists()


def test_a_fit_that_gave_up_still_succeeds(cli, prior, picture, folder):
    picture()
    prior.stopped_by = "diverged"

    ran = cli(*DENOISE)

    assert ran.code == 0 and "The fit ended by diverged." in ran.err
    assert (folder / "out.png").exists()


def test_a_fit_that_broke_leaves_its_picture(cli, prior, picture, pixels, folder):
    original = picture()
    prior.error = RuntimeError("the machine\nis tired")

    ran = cli(*DENOISE, "--onnx", "out.onnx")

    assert ran.code == 1 and "Traceback" not in ran.err
    assert "wrote out.png, the best picture so far" in ran.err
    assert "keras-dip: RuntimeError: the machine is tired\n" in ran.err
    np.testing.assert_array_equal(pixels("out.png"), original)
    assert not (folder / "out.onnx").exists()


def test_an_unforeseen_error_has_a_hint_and_with_v_a_traceback(cli, prior, picture):
    picture()
    prior.error, prior.keeps_restoration = ZeroDivisionError("oh"), False

    short, long = cli(*DENOISE), cli(*DENOISE, "-v")

    assert short.code == long.code == 1
    assert short.err.endswith(
        "keras-dip: ZeroDivisionError: oh\nkeras-dip: use -v for the traceback\n"
    )
    assert "Traceback" not in short.err
    assert "Traceback" in long.err and "use -v" not in long.err


@pytest.mark.parametrize(
    "error", [FitError("The loss was NaN."), ValueError("The loss was NaN.")]
)
def test_a_foreseen_error_is_one_line(cli, prior, picture, folder, error):
    picture()
    prior.error, prior.keeps_restoration = error, False

    ran = cli(*DENOISE, "-q")

    assert ran.code == 1
    assert ran.err.replace(CHATTER, "") == "keras-dip: The loss was NaN.\n"
    assert not (folder / "out.png").exists()


@pytest.mark.filterwarnings("default::UserWarning")
def test_quiet_says_nothing(cli, prior, picture):
    picture()
    prior.warning = "something odd"

    ran = cli(*DENOISE, "-q")

    assert (ran.code, ran.out) == (0, b"")
    assert ran.err.replace(CHATTER, "") == ""


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_warning_is_one_line(cli, prior, picture):
    picture()
    prior.warning = "something\nodd"

    ran = cli(*DENOISE)

    assert "keras-dip: warning: something odd\n" in ran.err
    assert ".py" not in ran.err


def test_the_summary_tells_psnr_against_the_reference(cli, prior, picture, folder):
    grey = np.full((6, 8), 100, "uint8")
    Image.fromarray(grey).save(folder / "in.png")
    Image.fromarray(grey + 51).save(folder / "gt.png")

    ran = cli(*DENOISE, "--reference", "gt.png")

    # The two differ by 0.2 everywhere: 10 log10(1 / 0.04) = 13.98 dB.
    assert "PSNR 13.98 dB" in ran.err
    assert prior.made[0].reference.shape == (6, 8)


def test_super_resolve(cli, prior, picture, pixels):
    picture()

    ran = cli("super-resolve", "in.png", "--factor", "3", "-o", "out.png")

    assert ran.code == 0 and prior.made[0].task.factor == 3
    assert pixels("out.png").shape == (18, 24, 3)


@pytest.mark.parametrize(("flags", "kept"), [((), True), (("--no-keep-known",), False)])
def test_inpaint_with_a_mask(cli, prior, picture, folder, pixels, flags, kept):
    original = picture(shape=(6, 8, 4))
    mask = np.full((6, 8), 255, "uint8")
    mask[2:4, 3:5] = 0
    Image.fromarray(mask).save(folder / "mask.png")

    ran = cli("inpaint", "in.png", "--mask", "mask.png", "-o", "out.png", *flags)

    assert ran.code == 0
    task = prior.made[0].task
    np.testing.assert_array_equal(task.mask[..., 0], mask > 0)
    assert task.keep_known is kept
    assert task.settings()["mask"] == "given"
    # The mask came from a file, so the picture's own alpha is an ordinary one.
    np.testing.assert_array_equal(pixels("out.png")[..., 3], original[..., 3])


@pytest.mark.parametrize(("channels", "shape"), [(2, (6, 8)), (4, (6, 8, 3))])
def test_inpaint_takes_alpha_as_the_mask_and_fills_it(
    cli, prior, picture, pixels, channels, shape
):
    original = picture(shape=(6, 8, channels))

    assert cli("inpaint", "in.png", "-o", "out.png").code == 0

    (made,) = prior.made
    np.testing.assert_array_equal(made.img, original)
    assert made.img.dtype == "uint8"
    mask = made.task.prepare(made.img / 255).observed["mask"][0, ..., 0]
    np.testing.assert_array_equal(mask, original[..., -1] > 127)
    assert 0 < mask.sum() < mask.size
    assert made.task.settings()["mask"] == "alpha"
    # Nothing transparent is left.
    np.testing.assert_array_equal(pixels("out.png"), original[..., :-1].reshape(shape))
    assert cli("inpaint", "in.png", "-o", "out.jpg").code == 0


def test_the_psnr_of_a_grey_picture_that_came_with_alpha(cli, prior, folder):
    grey = np.full((8, 8), 100, "uint8")
    grey[:4] = 0
    Image.fromarray(np.dstack([grey, grey])).save(folder / "in.png")
    Image.fromarray(grey + 51).save(folder / "gt.png")

    ran = cli("inpaint", "in.png", "-o", "out.png", "--reference", "gt.png")

    assert "PSNR 13.98 dB" in ran.err


def test_inpaint_without_any_mask_names_the_option(cli, prior, folder, picture):
    pixels = picture()
    opaque = np.dstack([pixels, np.full((6, 8), 255, "uint8")])
    Image.fromarray(opaque).save(folder / "opaque.png")

    for name, reason in [("in.png", "without"), ("opaque.png", "opaque")]:
        ran = cli("inpaint", name, "-o", "out.png")
        assert ran.code == 2 and "--mask" in ran.err and reason in ran.err
    assert prior.made == []


def test_a_mask_of_another_size_names_both_sizes(cli, prior, picture):
    picture()
    picture("mask.png", shape=(5, 7))

    ran = cli("inpaint", "in.png", "--mask", "mask.png", "-o", "out.png")

    assert ran.code == 1 and one_line(ran.err)
    assert "8x6 pixels" in ran.err and "7x5 pixels" in ran.err
    assert prior.made == []


@pytest.mark.parametrize(
    ("also", "path"),
    [
        (["--snapshots", "along"], "along/step_00025.png"),
        (["--members", "2", "--uncertainty", "sd.npy"], "sd.npy"),
    ],
)
def test_an_export_that_fails_keeps_nothing_else_from_being_written(
    cli, prior, picture, folder, monkeypatch, also, path
):
    picture()
    prior.uncertainty = np.zeros((6, 8, 3), "float32")
    fit = prior.fit

    def fit_without_export(self, img, **given):
        def fail(*_, **__):
            raise ExportError("onnxruntime gives another picture.")

        restoration = fit(self, img, **given)
        restoration.export = fail
        return restoration

    monkeypatch.setattr(prior, "fit", fit_without_export)

    ran = cli(*DENOISE, "--onnx", "out.onnx", *also)

    assert ran.code == 1
    assert (folder / "out.png").exists() and (folder / path).exists()
    *_, summary, error = ran.err.splitlines()
    assert summary.endswith(f"wrote out.png and {also[-1]}")
    assert error == "keras-dip: onnxruntime gives another picture."


def test_a_picture_that_finds_no_place_is_kept_elsewhere(
    cli, prior, picture, pixels, folder, monkeypatch, tmp_path_factory
):
    original = picture()
    elsewhere = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    fit = prior.fit

    def fit_while_a_file_appears(self, img, **given):
        (folder / "out.png").write_bytes(b"mine")
        return fit(self, img, **given)

    monkeypatch.setattr(prior, "fit", fit_while_a_file_appears)
    ran = cli(*DENOISE, "--onnx", "out.onnx")
    assert ran.code == 1 and "'out.png'" in ran.err.splitlines()[-1]
    assert (folder / "out.png").read_bytes() == b"mine"
    assert (folder / "out.onnx").exists()
    (kept,) = elsewhere.glob("*/out.png")
    assert f"The picture is in {str(kept)!r} instead." in ran.err
    np.testing.assert_array_equal(pixels(kept), original)


@pytest.mark.parametrize("given", [(), ("--data-range", "0,400")])
def test_a_reference_of_floats_is_seen_on_the_scale_of_the_picture(
    cli, prior, folder, given
):
    clean = np.linspace(100, 300, 192, dtype="float32").reshape(8, 8, 3)
    noisy = clean.copy()
    noisy[::2] -= 10
    noisy[1::2] += 10
    np.save("in.npy", noisy)
    np.save("gt.npy", clean)
    ran = cli("denoise", "in.npy", "-o", "out.npy", "--reference", "gt.npy", *given)
    assert ran.code == 0, ran.err
    white = 400 if given else float(np.ptp(noisy))
    error = np.mean(np.square(noisy - clean)) / white**2
    found = float(ran.err.split("PSNR ")[1].split(" dB")[0])
    assert found == pytest.approx(-10 * np.log10(error), abs=0.006)


def test_a_reference_of_floats_beyond_that_scale_is_told(cli, prior, folder):
    noisy = np.linspace(100, 300, 64, dtype="float32").reshape(8, 8)
    np.save("in.npy", noisy)
    np.save("gt.npy", noisy + 1)
    ran = cli("denoise", "in.npy", "-o", "out.npy", "--reference", "gt.npy")
    assert ran.code == 1 and prior.made == []
    assert (
        "from 100 to 300. Received: 'gt.npy'" in ran.err and "--data-range" in ran.err
    )


def test_the_first_of_several_errors_is_the_last_word(
    cli, prior, picture, folder, monkeypatch
):
    picture()
    fit = prior.fit

    def fit_badly(self, img, **given):
        def fail(what):
            raise FitError(f"no {what}.")

        restoration = fit(self, img, **given)
        restoration.export = lambda *_, **__: fail("file")
        restoration.at = lambda step: fail("iterate")
        return restoration

    monkeypatch.setattr(prior, "fit", fit_badly)

    ran = cli(*DENOISE, "--onnx", "out.onnx", "--snapshots", "along")

    assert ran.code == 1 and (folder / "out.png").exists()
    lines = ran.err.splitlines()
    assert lines[-1] == "keras-dip: no file."
    assert lines[-2].endswith("wrote out.png")
    assert lines.count("keras-dip: no iterate.") == 1


def test_dejpeg_knows_what_the_file_tells(cli, prior, folder, picture):
    pixels = picture("whole.png", shape=(16, 24, 3))
    Image.fromarray(pixels).save(folder / "in.jpg", quality=20, subsampling="4:2:2")

    assert cli("dejpeg", "in.jpg", "-o", "out.png").code == 0

    task = prior.made[0].task
    with Image.open(folder / "in.jpg") as image:
        expected = image.quantization
    np.testing.assert_array_equal(task.tables[0].ravel(), expected[0])
    np.testing.assert_array_equal(task.tables[1].ravel(), expected[1])
    assert (task.quality, task.subsampling) == (None, "4:2:2")


def test_dejpeg_of_another_format_knows_nothing_unless_told(cli, prior, picture):
    picture()

    assert cli("dejpeg", "in.png", "-o", "out.png").code == 0
    options = ("--quality", "30", "--subsampling", "4:4:4")
    assert cli("dejpeg", "in.png", "-o", "b.png", *options).code == 0
    steps = ",".join(["7"] * 64)
    assert cli("dejpeg", "in.png", "-o", "c.png", "--tables", steps).code == 0

    nothing, quality, tables = (made.task for made in prior.made)
    assert nothing.tables is None
    assert (quality.quality, quality.subsampling) == (30, "4:4:4")
    np.testing.assert_array_equal(tables.tables, np.full((1, 8, 8), 7))


@pytest.mark.parametrize(
    ("option", "value"),
    [("quality", "0"), ("quality", "101"), ("quality", "x"), ("tables", "1,2"),
     ("subsampling", "4:1:1")],
)  # fmt: skip
def test_dejpeg_refuses_what_no_jpeg_has(cli, prior, picture, folder, option, value):
    picture()

    ran = cli("dejpeg", "in.png", "-o", "out.png", f"--{option}", value)

    assert ran.code == 2 and option in ran.err.splitlines()[-1]
    assert prior.made == []


def test_a_fit_on_the_cpu_keeps_off_the_gpus(cli, prior, picture, gpus_seen):
    picture()
    assert cli(*DENOISE).code == 0 and gpus_seen()
    assert cli(*DENOISE, "--device", "cpu", "--force").code == 0
    assert not gpus_seen()
