import json

import numpy as np


def test_a_person_reads_what_matters(cli, tiny_onnx):
    settings = {"preset": "paper", "task_options": {"factor": 4, "kernel": None}}
    tiny_onnx(task="super_resolve", settings=settings, half=True)

    ran = cli("info", "tiny.onnx")

    assert (ran.code, ran.err) == (0, "")
    lines = dict(line.split("  ", 1) for line in ran.out.decode().splitlines())
    told = {name: text.strip() for name, text in lines.items()}
    assert told["task"] == "super-resolve (factor 4)"
    assert told["picture"] == "5x4 pixels, colour, made from uint8"
    assert (told["preset"], told["seed"]) == ("paper", "3")
    assert told["steps"] == "120, the picture is that of 100"
    assert told["network"] == "skip, 42 weights"
    assert "1x4x5x3 uint8, does not contain the degraded picture" in told["input z"]
    assert "float16 weights, ONNX operators 17, format 1" in told["file"]
    assert told["made with"] == "keras_dip 0.1.0"


def test_long_tables_are_told_by_their_size(cli, tiny_onnx):
    tables = [[[16] * 8] * 8] * 3
    settings = {"preset": "fast", "task_options": {"tables": tables, "motion": [5, 9]}}
    tiny_onnx(settings=settings)
    out = cli("info", "tiny.onnx").out.decode()
    assert "(tables of 3x8x8, motion [5, 9])" in out
    assert max(map(len, out.splitlines())) < 120


def test_it_says_when_z_contains_the_picture(cli, tiny_onnx):
    tiny_onnx(latent={"kind": "picture", "contains_picture": True})

    out = cli("info", "tiny.onnx").out.decode()

    assert ", contains the degraded picture" in out


def test_grey_and_other_channel_counts(cli, tiny_onnx):
    for shape, kind in [([4, 15], "grey"), ([4, 15, 1], "grey"), ([2, 5, 6], "6 ch")]:
        codes = np.zeros((1, *shape, 1)[:4], "uint8")
        tiny_onnx(codes, shape=shape)
        assert f"pixels, {kind}" in cli("info", "tiny.onnx").out.decode()


def test_how_it_was_stopped_and_mixed(cli, tiny_onnx):
    old = {"preset": "fast", "task_options": {}}
    fit = {"stop": "fission", "members": 3, "noise_sigma": 0.1, "blend": 0.25}

    tiny_onnx(settings=old | fit)
    told = cli("info", "tiny.onnx").out.decode()
    tiny_onnx(settings=old | {"stop": "none", "members": 1, "noise_sigma": None})
    less = cli("info", "tiny.onnx").out.decode()

    assert "\nstopping rule  fission\nmembers        3\n" in told
    assert "\nnoise          sigma 25.5 grey levels of 255\n" in told
    assert "\nblend          0.25 of the input\n" in told
    assert "\nstopping rule  none\nseed " in less


def test_json_holds_everything(cli, tiny_onnx):
    path = tiny_onnx()

    told = json.loads(cli("info", "tiny.onnx", "--json").out)

    assert told["settings"] == {"preset": "fast", "task_options": {"sigma": None}}
    assert told["image_shape"] == [1, 4, 5, 3]
    assert told["file_size"] == path.stat().st_size


def test_tiles_are_counted(cli, tiny_onnx):
    tiles = {"side": [128, 160], "tops": [0, 72], "lefts": [0, 100, 200]}
    tiny_onnx(settings={"preset": "fast", "task_options": {}, "tiles": tiles})
    assert "6, of 160x128 pixels" in cli("info", "tiny.onnx").out.decode()
