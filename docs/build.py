"""Build the site and run its doctests: python docs/build.py [OUT].

Warnings are errors. OUT is docs/_build unless given; the site is OUT/html. Needs the
extra `docs`. The runtime of the browser page is fetched once with npm (docs/browser/
vendor.py); without npm the site is built without it, and that page says so.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "browser"))

import vendor  # noqa: E402


def main(out: Path) -> int:
    """Fetch the runtime, build, test; return the exit code."""
    try:
        print("runtime of the browser page:", vendor.fetch())
    except vendor.Unavailable as error:
        print(f"The browser page is built without its runtime: {error}")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for builder in ("html", "doctest"):
        command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going"]
        command += ["--quiet", "--builder", builder, "-d", str(out / "doctrees")]
        done = subprocess.run([*command, str(HERE), str(out / builder)], check=False)
        if done.returncode:
            return done.returncode
    print(f"The site is {out / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else HERE / "_build"))
