import os
import signal
import subprocess
import sys

import pytest

from keras_dip import __version__, tasks

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from keras_dip.cli import main; sys.exit(main())",
]


def test_help_lists_every_task_and_verb(cli):
    ran = cli("--help")

    assert ran.code == 0 and ran.err == ""
    listed = tasks.verbs()
    for verb in [*listed, "regenerate", "info", "demo", "evaluate", "bench"]:
        assert f"\n  {verb} " in ran.out.decode()


@pytest.mark.parametrize("verb", tasks.verbs())
def test_help_of_a_task_shows_what_it_declares(cli, verb):
    ran = cli(verb, "--help")

    declaration = tasks.declaration(tasks.verbs()[verb])
    out = ran.out.decode()
    assert declaration.summary in out
    for option in declaration.options:
        assert f"--{option.name.replace('_', '-')}" in out
    for preset in declaration.presets:
        assert preset in out


def test_version(cli):
    assert cli("--version").out.decode() == f"keras-dip {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("enlarge",), ("--colour",)])
def test_wrong_usage(cli, arguments):
    ran = cli(*arguments)

    assert ran.code == 2 and ran.out == b"" and "Usage: keras-dip" in ran.err


@pytest.mark.parametrize("verb", ["evaluate", "bench"])
def test_help_of_a_measuring_verb_loads_no_keras(verb, folder):
    script = (
        "import sys\nfrom keras_dip.cli import main\n"
        f"assert main([{verb!r}, '--help']) == 0\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=folder, check=False)

    assert done.returncode == 0


def test_regenerate_and_info_load_no_keras(tiny_onnx, folder):
    path = os.fspath(tiny_onnx())
    script = (
        "import sys\nfrom keras_dip.cli import main\n"
        f"assert main(['regenerate', {path!r}, '-o', 'again.png']) == 0\n"
        f"assert main(['info', {path!r}]) == 0\n"
        "loaded = {'keras', 'tensorflow', 'tf2onnx', 'onnx'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=folder, check=False)

    assert done.returncode == 0
    assert (folder / "again.png").exists()


@pytest.mark.parametrize(
    "verb", [("info",), ("regenerate", "-o", "-")], ids=["info", "regenerate"]
)
def test_a_broken_pipe_is_quiet(tiny_onnx, folder, verb):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*COMMAND, *verb, os.fspath(tiny_onnx())],
            cwd=folder,
            stdout=writer,
            # Buffered, as a person's is: the rest is flushed when Python exits.
            env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


def test_ctrl_c_that_a_library_made_another_error_of_is_ctrl_c(cli, monkeypatch):
    def main(**_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as interrupt:
            raise SystemError("returned a result with an error") from interrupt

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr("keras_dip.cli.app.app.main", main)
    ran = cli("info")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)

    assert ran.code == 130 and ran.err == "keras-dip: stopped.\n"
