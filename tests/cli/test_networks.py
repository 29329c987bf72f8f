import json

import pytest

from keras_dip import models


def test_each_network_has_a_line(cli):
    ran = cli("networks", "--size", "64")

    assert (ran.code, ran.err) == (0, "")
    heading, *lines = ran.out.decode().splitlines()
    assert heading.split() == ["network", "weights", "z"]
    told = {name: rest for name, *rest in (line.split() for line in lines)}
    assert list(told) == models.names()
    assert told["skip"][:2] == ["2,217,831", "64x64x32"]
    assert told["unet"][:2] == ["1,616,315", "64x64x1"]
    assert told["resnet"][:2] == ["158,979", "64x64x1"]
    assert told["deep_decoder"][:2] == ["100,224", "8x8x128"]
    assert told["pixels"][:2] == [f"{64 * 64 * 3:,}", "1x1x1"]
    assert len({line.index(told[line.split()[0]][1]) for line in lines}) == 1
    assert max(map(len, lines)) <= 88


def test_numbers_for_a_program(cli, monkeypatch):
    monkeypatch.setattr(models, "names", lambda: ["resnet"])

    (row,) = json.loads(cli("networks", "--json").out)

    summary = models.network("resnet").summary
    assert row == {
        **{"name": "resnet", "weights": 158_979, "z": [512, 512, 1]},
        "summary": summary,
    }


@pytest.mark.parametrize("size", ["0", "big"])
def test_sizes_that_are_none(cli, size):
    ran = cli("networks", "--size", size)

    assert ran.code == 2
    assert "--size" in ran.err
