"""Fits together under JAX; run by test_under_jax.py under JAX."""

import json
import os
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from keras_dip import DeepImagePrior, images, member
from keras_dip.batch.local import Ended
from keras_dip.cli import main
from keras_dip.models import fused, fused_jax
from keras_dip.recovery import Recovery
from keras_dip.stopping import StoppingRule, TimeLimit
from keras_dip.train_steps.jax import Steps, Traced

SIZE = (12, 10)


class StopsAt(StoppingRule):
    """Stops the first member at one step, the second at another, and so on."""

    name, steps = "at", []

    def __init__(self):
        super().__init__()
        self.at = StopsAt.steps.pop(0)

    def measure(self):
        if self.model.step >= self.at:
            self.stop(f"Step {self.at} was reached.")
        return float(np.square(self.model.picture() - 0.5).mean())


@pytest.fixture
def fit(tiny_network, scene):
    """Fit three members of a tiny network; return the prior after its fit."""

    def run(fit_together, steps=100, checkpoint=None, **settings):
        prior = DeepImagePrior(
            "denoise",
            network=tiny_network(*SIZE, 3, inputs=4),
            latent="noise",
            members=3,
            steps=steps,
            fit_together=fit_together,
            seed=3,
            **settings,
        )
        prior.fit(
            scene(*SIZE, 3, noise=0.1),
            reference=scene(*SIZE, 3),
            checkpoint=checkpoint,
        )
        return prior

    return run


def compiled(prior):
    """Return for how many fits at once a step was compiled."""
    return sorted(prior._twins._model.traced._steps)


def check_equal(together, alone):
    for name in ("image", "uncertainty"):
        found, expected = (getattr(r, name) for r in (together, alone))
        np.testing.assert_allclose(found, expected, atol=2e-5)
    for name, curve in alone.history.items():
        if name != "seconds":
            np.testing.assert_allclose(
                together.history[name], curve, rtol=1e-3, atol=1e-5
            )
    for name in ("steps", "best_step", "stopped_by", "stop_reason"):
        assert getattr(together, name) == getattr(alone, name)


def test_members_together_are_those_that_were_fitted_in_turn(fit, monkeypatch):
    def rule_for(name, problem):
        return StopsAt()

    monkeypatch.setattr(member, "rule_for", rule_for)
    priors = []
    for count in (3, 1):
        StopsAt.steps = [75, 25, 100]
        priors.append(fit(count))
    together, alone = (prior.restoration for prior in priors)
    steps, members = together.history["step"], together.history["member"]
    assert [steps[members == i].max() for i in range(3)] == [75, 25, 100]
    check_equal(together, alone)
    # They differ, or it would show nothing; and nothing was compiled on the way.
    assert together.uncertainty.max() > 1e-3
    assert compiled(priors[0]) == [3]
    assert priors[1]._twins._model is None


def test_as_on_a_gpu_they_are_too(fit, monkeypatch):
    # One convolution for all, many steps in a loop.
    monkeypatch.setattr(fused, "_jax_forms", lambda: fused_jax)
    monkeypatch.setattr(Steps, "loops", True)
    together = fit(3, stop="none", steps=50)
    assert compiled(together) == [3]
    alone = fit(1, stop="none", steps=50)
    check_equal(together.restoration, alone.restoration)


@pytest.fixture
def gpu_memory(monkeypatch):
    """Let there be a GPU by its memory: return what sets how many bytes are free."""

    def be(free):
        monkeypatch.setattr(Steps, "free_memory", property(lambda self: free))

    monkeypatch.setattr("keras_dip.members.gpus", lambda: ["gpu:0"])
    monkeypatch.setattr("keras_dip.batch.machine.gpus", lambda: ["0"])
    monkeypatch.setattr("keras_dip.batch.machine.keras_backend", lambda: "jax")
    return be


@pytest.mark.parametrize(("free", "expected"), [(10**9, [3]), (1, [1])])
def test_the_memory_of_a_gpu_says_how_many(fit, gpu_memory, free, expected):
    gpu_memory(free)
    assert compiled(fit(None, stop="none", steps=25)) == expected


def scarce(monkeypatch, *, spoils):
    """Let calls for several fits fail for want of memory, after that of variables."""
    steps = Traced.steps

    def failing(self, fits):
        if len(fits) == 1:
            return steps(self, fits)
        for value in jax.tree.leaves([fit.values for fit in fits]) if spoils else []:
            value.delete()
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(Traced, "steps", failing)


@pytest.mark.parametrize("spoils", [False, True])
def test_members_that_need_too_much_memory_are_fitted_in_turn(fit, monkeypatch, spoils):
    expected = fit(1, stop="none", steps=25).restoration
    scarce(monkeypatch, spoils=spoils)
    with pytest.warns(UserWarning, match="too little memory for members"):
        found = fit(3, stop="none", steps=25).restoration
    check_equal(found, expected)


def test_members_that_wait_share_the_time(fit, monkeypatch):
    seconds = []

    class Clock(TimeLimit):
        def __init__(self, share, whole):
            seconds.append(share)
            super().__init__(share, whole)

    monkeypatch.setattr("keras_dip.members.TimeLimit", Clock)
    fit(2, stop="none", steps=25, time_limit=1e6)
    assert seconds == pytest.approx([5e5, 5e5, 1e6], rel=0.01)


def test_two_of_three_at_a_time_make_the_same(fit):
    prior = fit(2, stop="none", steps=50)
    assert compiled(prior) == [2]
    check_equal(prior.restoration, fit(1, stop="none", steps=50).restoration)


def test_one_that_falls_apart_goes_back_alone(fit, monkeypatch):
    settle = Recovery.settle

    def spoilt(self):
        # The second report of the second member.
        is_second = Recovery.seen.index(self) == 1
        if is_second and self.model.step == 50 and not Recovery.spoilt:
            Recovery.spoilt = True
            self.model.last_loss.assign(np.nan)
        return settle(self)

    def begin(self, logs=None):
        Recovery.seen.append(self)
        start(self, logs)

    start = Recovery.on_train_begin
    monkeypatch.setattr(Recovery, "settle", spoilt)
    monkeypatch.setattr(Recovery, "on_train_begin", begin)
    results = []
    for count in (3, 1):
        monkeypatch.setattr(Recovery, "seen", [], raising=False)
        monkeypatch.setattr(Recovery, "spoilt", False, raising=False)
        results.append(fit(count, stop="none").restoration)
    together, alone = results
    steps, members = together.history["step"], together.history["member"]
    assert steps[members == 1].tolist() == [25, 25, 50, 75]
    check_equal(together, alone)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_keeps_the_best_of_all(fit, monkeypatch):
    report = Recovery.on_epoch_end

    def press(self, epoch, logs=None):
        report(self, epoch, logs)
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Recovery, "on_epoch_end", press)
    found = fit(3, stop="none", steps=500).restoration
    assert found.stopped_by == "interrupt"
    assert found.settings["members"] == 3 and found.uncertainty is not None
    assert 50 <= found.history["step"].max() < 500
    assert np.isfinite(found.image).all()


def test_checkpoints_go_on_together(fit, tmp_path, monkeypatch):
    whole = fit(3, stop="none").restoration
    report = Recovery.on_epoch_end

    def press(self, epoch, logs=None):
        report(self, epoch, logs)
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Recovery, "on_epoch_end", press)
        cut = fit(3, stop="none", checkpoint=tmp_path).restoration
    assert cut.stopped_by == "interrupt"
    assert len(list(tmp_path.glob("member-*.npz"))) == 3
    resumed = fit(3, stop="none", checkpoint=tmp_path).restoration
    check_equal(resumed, whole)
    assert list(tmp_path.iterdir()) == []


class Here:
    """Stands for LocalRunner: does the work in this process."""

    slots = 1
    sizes: list[int]

    def __init__(self, work, environments):
        self.work = work

    def run(self, jobs):
        for job in jobs:
            Here.sizes.append(len(getattr(job, "jobs", [job])))
            yield Ended(job, self.work(job))


def test_pictures_together_have_the_entries_of_pictures_alone(
    tmp_path, scene, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)
    names = ("a", "b", "c", "d", "e", "f")
    os.mkdir("in")
    for i, name in enumerate(names):
        height, width = (20, 16) if name in "ef" else (16, 20)
        noisy = scene(height, width, 3, noise=0.05 + 0.02 * i, seed=i)
        Image.fromarray((noisy * 255).astype("uint8")).save(f"in/{name}.png")
    cut = Path("in/b.png")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    results, pixels, sizes = [], [], []
    for count in ("1", "3"):
        Here.sizes = []
        out = f"out{count}"
        code = main(
            f"batch denoise in -o {out} --network pixels --steps 120 --reference in "
            f"--fit-together {count}".split()
        )
        assert code == 1
        lines = Path(out, "manifest.jsonl").read_text().splitlines()
        entries = {e["output"]: e for e in map(json.loads, lines)}
        assert all(e.pop("seconds") is not None for e in entries.values())
        results.append(entries)
        sizes.append(sorted(Here.sizes))
        done = [n for n, e in entries.items() if e["result"] == "done"]
        pixels.append([images.read(f"{out}/{name}")[0] for name in sorted(done)])
    alone, together = results
    assert alone.keys() == together.keys()
    for name, entry in alone.items():
        psnr, other = entry.pop("psnr"), together[name].pop("psnr")
        assert together[name] == entry
        assert psnr == other or abs(psnr - other) < 0.01
    assert [n for n, e in alone.items() if e["result"] == "failed"] == ["b.png"]
    assert "truncated" in together["b.png"]["error"]
    for one, other in zip(*pixels, strict=True):
        assert np.abs(one - other).max() < 1.5 / 255
    assert sizes == [[1] * 6, [1, 2, 3]]
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def pictures(tmp_path, scene, monkeypatch):
    """Make a folder `in` of pictures, which a batch works on in this process."""
    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)
    Here.sizes = []
    monkeypatch.chdir(tmp_path)

    def make(names):
        os.mkdir("in")
        image = Image.fromarray((scene(16, 20, 3) * 255).astype("uint8"))
        for name in names:
            image.save(f"in/{name}.png")

    return make


def test_pictures_that_need_too_much_memory_together_are_done_alone(
    pictures, monkeypatch
):
    scarce(monkeypatch, spoils=True)
    pictures("ab")
    code = main(
        "batch denoise in -o out --network pixels --steps 25 --fit-together 2".split()
    )
    assert (code, Here.sizes) == (0, [2])


def test_the_memory_of_a_gpu_says_how_many_pictures(pictures, monkeypatch, gpu_memory):
    gpu_memory(10**9)
    counts, steps = [], Traced.steps

    def counted(self, fits):
        counts.append(len(fits))
        return steps(self, fits)

    monkeypatch.setattr(Traced, "steps", counted)
    pictures("abc")
    code = main("batch denoise in -o out --network pixels --steps 25".split())
    assert (code, Here.sizes, max(counts)) == (0, [3], 3)
