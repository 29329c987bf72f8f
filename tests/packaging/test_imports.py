"""What is loaded when: the parts that need no network must not wait for Keras."""

import pkgutil
import subprocess
import sys
from importlib.metadata import version

import pytest

import keras_dip
from keras_dip import tasks

HEAVY = ("tensorflow", "keras", "tf2onnx", "gradio")
SHOW_HEAVY = f"import sys; print([m for m in {HEAVY} if m in sys.modules])"


def loaded_after(statements: str, tmp_path) -> str:
    """Run statements in a new interpreter; return the heavy modules it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statements}\n{SHOW_HEAVY}"],
        cwd=tmp_path,  # not the tree: what is installed is what counts
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "statements",
    [
        "import keras_dip",
        "import keras_dip; keras_dip.presets(); dir(keras_dip)",
        "import keras_dip.cli",
        "import keras_dip.images",
        "from keras_dip import experiments; experiments.names()",
        "import keras_dip.tasks",
        "import keras_dip.onnx_io.regenerate",
    ],
)
def test_import_loads_no_keras(statements, tmp_path):
    assert loaded_after(statements, tmp_path) == "[]"


def test_a_network_loads_keras(tmp_path):
    # Shows that the other tests would notice.
    assert "keras" in loaded_after("import keras_dip.models.skip", tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([verb, "--help"] for verb in tasks.verbs()),
        ["regenerate", "--help"],
        ["info", "--help"],
        ["demo", "--help"],
        ["networks", "--help"],
        ["experiment", "--help"],
        ["ui", "--help"],
        ["batch", "--help"],
        ["batch", "denoise", "--help"],
    ],
    ids=" ".join,
)
def test_help_loads_no_keras(arguments, tmp_path):
    statements = f"from keras_dip.cli import main; assert main({arguments!r}) == 0"
    assert loaded_after(statements, tmp_path) == "[]"


def test_every_public_name_can_be_imported():
    for name in keras_dip.__all__:
        assert getattr(keras_dip, name) is not None
        assert name in dir(keras_dip)


def test_no_public_name_is_the_name_of_a_module():
    # Importing the module would put it in the place of the function.
    modules = {module.name for module in pkgutil.iter_modules(keras_dip.__path__)}
    assert modules & set(keras_dip.__all__) == set()


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = keras_dip.no_such_name


def test_version_is_that_of_the_installed_distribution():
    assert keras_dip.__version__ == version("keras_dip")
