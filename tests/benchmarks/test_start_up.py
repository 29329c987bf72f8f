"""How long the command line takes before it does anything."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.benchmark(group="start-up")


@pytest.mark.parametrize("arguments", ["--version", "--help", "denoise --help"])
def test_start_up(benchmark, arguments, tmp_path):
    code = "import sys; from keras_dip.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *arguments.split()]

    def start() -> int:
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode

    assert benchmark.pedantic(start, rounds=5, warmup_rounds=1) == 0
