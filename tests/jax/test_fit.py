"""What holds with TensorFlow holds with JAX."""

import json

import keras
import numpy as np
import pytest

STEPS = (1, 2)  # two calls; the first is one step alone
FEW_STEPS = """
import sys, numpy as np, keras
from keras_dip.fitting import PriorModel
from keras_dip.models.fused import Adam
from keras_dip.models.skip import build_skip

def values_after(*calls):
    rng = np.random.default_rng(0)
    network = build_skip(
        (12, 16), input_channels=4, output_channels=3, down_channels=(4, 6),
        up_channels=(4, 6), skip_channels=(2, 2),
    )
    for weight in network.trainable_variables:
        weight.assign(0.3 * rng.standard_normal(weight.shape))
    z, seen, noise = (rng.standard_normal((1, 12, 16, c)).astype("float32")
                      for c in (4, 3, 4))

    def mean_square(x, observed):
        return keras.ops.mean(keras.ops.square(x - observed["picture"]))

    model = PriorModel(
        network, mean_square, z, {"picture": seen}, jitter=0.1, average=0.9,
        weight_average=0.9, window=2,
    )
    # The same noise whatever the backend draws.
    keras.random.normal = lambda shape, seed: keras.ops.convert_to_tensor(noise)
    # Large enough that Adam does not enlarge what rounding leaves of no gradient.
    optimizer = Adam(0.01, epsilon=0.1)
    optimizer.build(network.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=model.jit_compile)
    variables = [*network.trainable_variables, *model.averaged_weights, model.recent]
    for steps in calls:
        model.take_steps(steps)
        values = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
        values += [model.averaged_output, model.picture(), np.float32(model.step)]
        yield values
"""


AS_ON_A_GPU = """
from keras_dip.models import fused, fused_jax
from keras_dip.train_steps.jax import Steps
fused._jax_forms = lambda: fused_jax
Steps.loops = True
"""


@pytest.mark.parametrize("before", ["", AS_ON_A_GPU], ids=["cpu", "as on a gpu"])
def test_a_step_is_that_of_tensorflow(before, run_jax, tmp_path, monkeypatch):
    names = {}
    monkeypatch.setattr(keras.random, "normal", keras.random.normal)  # put back
    exec(FEW_STEPS, names)
    run_jax(
        f"{before}{FEW_STEPS}for n, values in enumerate(values_after(*{STEPS})):"
        " np.savez(f'{n}', *values)"
    )
    for n, expected in enumerate(names["values_after"](*STEPS)):
        found = list(np.load(tmp_path / f"{n}.npz").values())
        assert len(found) == len(expected) > 20
        step = sum(STEPS[: n + 1])
        assert expected[-1] == step
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * step)


FITS = """
import json, sys, numpy as np, keras
from keras_dip import DeepImagePrior, Denoise, Inpaint, SuperResolve

rows, columns = np.mgrid[:24, :32] / 10
clean = np.stack([np.sin(rows), np.cos(columns), np.sin(rows * columns)], -1) / 3 + 0.5
rng = np.random.default_rng(0)
noisy = np.float32((clean + rng.normal(0, 0.1, clean.shape)).clip(0, 1))
small = dict(
    network=lambda size, **given: build(size, **given), latent="noise", tile=0,
)

def build(size, *, input_channels, output_channels, seed, dtype):
    from keras_dip.models.skip import build_skip
    return build_skip(
        size, input_channels=input_channels, output_channels=output_channels,
        down_channels=(8, 8), up_channels=(8, 8), skip_channels=(2, 2), seed=seed,
        dtype=dtype,
    )

class Cut(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("cut off")

def fit(**more):
    callbacks = more.pop("callbacks", ())
    prior = DeepImagePrior(
        Denoise(25.5 / 255), steps=100, callbacks=callbacks, snapshots=2, **small
    )
    return prior.fit(noisy, reference=np.float32(clean), **more)

told = {}
whole = fit()
from keras_dip.checkpoint import Checkpoint
try:
    fit(checkpoint=Checkpoint("kept", interval=0), callbacks=[Cut()])
except RuntimeError:
    pass
continued = fit(checkpoint="kept")
told["continued"] = bool((whole.image == continued.image).all())
told["psnr"] = [float(x) for x in whole.history["psnr"]]
told["before"] = float(-10 * np.log10(np.mean(np.square(noisy - clean))))
told["criterion"] = len(whole.history["criterion"])
whole.report("report.html")
told["report"] = open("report.html").read(15)
mask = rng.random((24, 32)) > 0.3
quick = dict(network="pixels", tile=0)  # compiled at once
holes = DeepImagePrior(Inpaint(mask), steps=50, **quick).fit(noisy)
told["known"] = float(np.abs(holes.image - noisy)[mask].mean())
large = DeepImagePrior(SuperResolve(2), steps=25, members=2, **quick).fit(noisy)
told["large"] = list(large.image.shape), list(large.uncertainty.shape)
told["backend"] = whole.settings["versions"].get("jax")
try:
    whole.export("out.onnx")
except Exception as error:
    told["export"] = f"{type(error).__name__}: {error}"
told["tensorflow"] = sys.modules.get("tensorflow") is not None
print(json.dumps(told))
"""


def test_fits_without_tensorflow(run_jax):
    told = json.loads(run_jax(FITS).splitlines()[-1])
    assert told["continued"]
    assert max(told["psnr"]) > told["before"] + 3  # 5.7 dB measured
    assert told["criterion"] == 4 and told["report"] == "<!DOCTYPE html>"
    assert told["known"] < 0.12
    assert told["large"] == [[48, 64, 3], [48, 64, 3]]
    assert told["backend"] and not told["tensorflow"]


EXPORT = """
import numpy as np, onnxruntime
from keras_dip import DeepImagePrior, Inpaint
noisy = np.random.default_rng(0).random((16, 24, 3), "float32")
mask = np.random.default_rng(1).random((16, 24)) > 0.3
prior = DeepImagePrior(
    Inpaint(mask, keep_known=True), network="pixels", steps=5, blend=0.2
)
restoration = prior.fit(noisy)
restoration.export("out.onnx")
picture = onnxruntime.InferenceSession("out.onnx").run(None, {})[0][0]
print(np.abs(picture - restoration.image).max())
"""


def test_the_onnx_file_gives_the_picture(run_jax):
    assert float(run_jax(EXPORT, alone=False).splitlines()[-1]) < 1e-5


def test_another_backend_is_refused(run_jax, monkeypatch):
    with pytest.raises(ImportError, match=r"tensorflow, jax\. Received: 'torch'"):
        from keras_dip.train_steps import steps_of

        steps_of("torch")
