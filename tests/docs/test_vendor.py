"""What is fetched for the browser page is what was expected, or nothing."""

import hashlib
import io
import os
import runpy
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "browser" / "vendor.py"
NAMES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")

pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="needs the source tree"),
    pytest.mark.skipif(os.name == "nt", reason="puts a shell script on the PATH"),
]


@pytest.fixture
def vendor():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Put a program named npm on the PATH: it gives a package, or ends with a code."""

    def put(content=None, code=0):
        with tarfile.open(tmp_path / "package.tgz", "w:gz") as package:
            for name in NAMES if content is not None else ():
                entry = tarfile.TarInfo(f"package/dist/{name}")
                entry.size = len(content)
                package.addfile(entry, io.BytesIO(content))
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "npm"
        program.write_text(
            f"#!/bin/sh\ncp '{tmp_path}/package.tgz' ort.tgz\n"
            f"echo no registry >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    return put


def test_the_expected_files_are_kept(vendor, npm, tmp_path, monkeypatch):
    npm(b"runtime")
    digest = hashlib.sha256(b"runtime").hexdigest()
    for name in NAMES:
        monkeypatch.setitem(vendor["FILES"], name, digest)
    folder = tmp_path / "vendor"
    assert vendor["fetch"](folder) == folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    monkeypatch.setenv("PATH", "")  # what is there is not fetched again
    assert vendor["fetch"](folder) == folder


def test_another_file_is_refused(vendor, npm, tmp_path):
    npm(b"something else")
    with pytest.raises(ValueError, match=r"with SHA-256 .* Received: another file"):
        vendor["fetch"](tmp_path / "vendor")
    assert list((tmp_path / "vendor").iterdir()) == []


def test_no_registry(vendor, npm, tmp_path):
    npm(code=1)
    with pytest.raises(vendor["Unavailable"], match=r"npm pack .* no registry"):
        vendor["fetch"](tmp_path / "vendor")


def test_no_npm(vendor, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(vendor["Unavailable"], match="npm was not found"):
        vendor["fetch"](tmp_path / "vendor")
