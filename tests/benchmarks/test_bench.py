"""What `keras-dip bench` measures, at a tiny size."""

import pytest

pytestmark = pytest.mark.benchmark(group="bench")


def test_bench(benchmark):
    from keras_dip.benchmark import measure

    def run():
        return measure([64], count=2, device="cpu", tell=lambda what: None)

    measured = benchmark.pedantic(run, rounds=1)

    (steps,) = measured["steps"]
    assert steps["paper_to_preset"] > 1
    assert 0 < measured["help_seconds"] < 10
    assert 0 < measured["regenerate"]["seconds"] < 20
