from types import SimpleNamespace

import numpy as np
import pytest

from keras_dip import benchmark
from keras_dip.fitting import PriorModel
from keras_dip.models.fused import Adam


@pytest.fixture(scope="module")
def model(tiny_network):
    import keras

    def squared_error(x, observed):
        return keras.ops.mean(keras.ops.square(x - observed["picture"]))

    model = PriorModel(
        tiny_network(8, 8),
        squared_error,
        np.zeros((1, 8, 8, 2)),
        {"picture": np.zeros((1, 8, 8, 3))},
    )
    optimizer = Adam(0.01)
    optimizer.build(model.network.trainable_variables)
    model.compile(optimizer=optimizer)
    return model


def test_the_timer_counts_steps_and_leaves_the_first_report_out(monkeypatch):
    clock = iter([0, 9, 10, 16, 20, 20, 30, 32])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    timer = benchmark.Timer()
    timer.set_model(SimpleNamespace(step=0))

    def call(steps):
        timer.on_train_batch_begin(0)
        timer.model.step += steps
        timer.on_train_batch_end(0)

    call(1)
    timer.on_epoch_end(0)
    call(3)
    call(0)  # fills a row up
    call(1)

    assert timer.seconds == [2, 2]


def test_all_steps_are_taken(model):
    before = model.step

    assert benchmark.step_seconds(model, 4) > 0
    assert model.step - before == benchmark.REPORT + 4


def test_plain_layers_are_those_of_keras(model):
    import keras

    other = benchmark.with_plain_layers(model)

    mine, plain = model.network.get_layer("norm"), other.network.get_layer("norm")
    assert type(mine) is not keras.layers.BatchNormalization
    assert type(plain) is keras.layers.BatchNormalization
    assert type(other.optimizer) is keras.optimizers.Adam
    assert plain.get_config()["epsilon"] == mine.get_config()["epsilon"]
    assert benchmark.step_seconds(other, 2) > 0


def test_a_command_is_run_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(
        benchmark, "COMMAND", f"open({str(tmp_path / 'ran')!r}, 'a').write('x')"
    )

    assert benchmark.command_seconds("--help", calls=2) > 0
    assert (tmp_path / "ran").read_text() == "xx"


def test_plain_layers_are_measured_in_a_process_of_their_own(monkeypatch):
    program = "import os; print('noise'); print(0.5 + (OWN in os.environ))"
    monkeypatch.setattr(
        benchmark, "PLAIN", program.replace("OWN", repr(benchmark.ONEDNN))
    )
    monkeypatch.setenv(benchmark.ONEDNN, "1")

    assert benchmark.plain_seconds(32, 2, None) == 0.5


def test_that_process_prints_its_seconds(monkeypatch, capsys):
    monkeypatch.setattr(benchmark.sys, "argv", ["-c", "32", "2", "cpu"])
    monkeypatch.setattr(benchmark, "model_for", lambda *asked: asked)
    monkeypatch.setattr(benchmark, "with_plain_layers", lambda model: ("plain", *model))
    seconds = {("plain", "paper", 32, "cpu"): 0.25}
    monkeypatch.setattr(
        benchmark, "step_seconds", lambda model, count: seconds[model] * count
    )

    benchmark.tell_plain()

    assert capsys.readouterr().out == "0.5\n"


def test_ratios_are_those_of_the_figures(monkeypatch):
    costs = {"fast": 0.5, "paper": 2.0}
    monkeypatch.setattr(benchmark, "model_for", lambda preset, *_: preset)
    monkeypatch.setattr(benchmark, "plain_seconds", lambda *_: 3.0)
    monkeypatch.setattr(benchmark, "step_seconds", lambda model, count: costs[model])
    monkeypatch.setattr(benchmark, "quality", lambda *asked: asked)
    monkeypatch.setattr(benchmark, "regenerate_seconds", lambda size: 0.25)
    monkeypatch.setattr(benchmark, "command_seconds", lambda *arguments: 0.125)
    told = []

    measured = benchmark.measure([32, 64], count=2, tell=told.append)

    assert [steps["size"] for steps in measured["steps"]] == [32, 64]
    assert measured["steps"][0]["paper_to_preset"] == 4
    assert measured["steps"][0]["plain_to_fused"] == 1.5
    assert measured["quality"] == (32, None)
    assert measured["help_seconds"] == 0.125
    assert measured["regenerate"] == {"size": 32, "seconds": 0.25}
    assert len(told) == 8


def test_time_to_quality_is_that_of_the_first_report_near_the_best(monkeypatch):
    clean = benchmark.clean_picture(16).astype("float32")

    def fit(self, noisy, *, reference):
        np.testing.assert_array_equal(noisy, benchmark.noisy_picture(16))
        np.testing.assert_array_equal(reference, clean)
        history = {"psnr": [20, 29.95, 30, 29], "seconds": [1, 2, 3, 4]}
        history = {name: np.asarray(curve) for name, curve in history.items()}
        return SimpleNamespace(history=history, image=clean + 0.1, seconds=5.0)

    monkeypatch.setattr(benchmark.DeepImagePrior, "fit", fit)

    reached = benchmark.quality(16)

    assert (reached["seconds_to_quality"], reached["seconds"]) == (2, 5)
    assert reached["psnr"] == pytest.approx(20, abs=1e-3)
    assert reached["psnr_before"] == pytest.approx(20.2, abs=0.5)
