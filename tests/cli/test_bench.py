import json
import sys
from types import ModuleType

import pytest

MEASURED = {
    "machine": {"device": "cpu", "cpus": 2, "system": "Linux"},
    "steps": [
        {
            "size": size,
            "preset": "fast",
            "preset_seconds": 0.25,
            "paper_seconds": 1.5,
            "plain_paper_seconds": 1.8,
            "paper_to_preset": 6.0,
            "plain_to_fused": 1.2,
        }
        for size in (32, 64)
    ],
    "quality": {
        "size": 32,
        "psnr_before": 20.5,
        "psnr": 33.25,
        "seconds": 21.0,
        "seconds_to_quality": 14.5,
    },
    "help_seconds": 0.21,
    "regenerate": {"size": 32, "seconds": 0.9},
}


@pytest.fixture
def measure(monkeypatch):
    """Put a fake in the place of the measuring; return what it was asked."""
    asked = []

    def fake(sizes, *, tell, **arguments):
        tell("nothing")
        asked.append((sizes, arguments))
        return MEASURED

    module = ModuleType("keras_dip.benchmark")
    module.__dict__.update(measure=fake)
    monkeypatch.setitem(sys.modules, "keras_dip.benchmark", module)
    return asked


def test_figures_and_ratios_are_printed(cli, measure):
    ran = cli(
        "bench", "--size", "32", "--size", "64", "--steps", "3", "--device", "cpu"
    )

    assert ran.code == 0 and "bench: measuring nothing" in ran.err
    assert measure == [([32, 64], {"count": 3, "device": "cpu"})]
    assert [" ".join(line.split()) for line in ran.out.decode().splitlines()[:5]] == [
        "cpu, 2 CPU cores, Linux",
        "32x32 pixels, one step of a fit:",
        "fast 250.0 ms",
        "paper 1500.0 ms = fast x 6.00",
        "paper, plain Keras 1800.0 ms = paper x 1.20",
    ]
    assert [" ".join(line.split()) for line in ran.out.decode().splitlines()[9:12]] == [
        "32x32 pixels, a fit of the default preset from 20.50 to 33.25 dB:",
        "within 0.1 dB of it 14500.0 ms",
        "whole 21000.0 ms",
    ]
    assert ran.out.decode().splitlines()[-1].split() == [
        "regenerate", "32x32", "900.0", "ms",
    ]  # fmt: skip


def test_json_is_written_but_never_over_a_file(cli, measure, folder):
    assert cli("bench", "--json", "b.json", "-q").err == ""
    assert json.loads((folder / "b.json").read_text()) == MEASURED
    (folder / "b.json").write_bytes(b"mine")

    ran = cli("bench", "--json", "b.json")

    assert ran.code == 1 and ran.err.count("\n") == 1 and len(measure) == 1
    assert (folder / "b.json").read_bytes() == b"mine"
    assert cli("bench", "--json", "b.txt").code == 1 and len(measure) == 1


@pytest.mark.parametrize("arguments", [("--size", "8"), ("--steps", "0")])
def test_wrong_usage(cli, measure, arguments):
    assert cli("bench", *arguments).code == 2 and measure == []
