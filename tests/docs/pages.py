"""What the README and the pages of docs/ tell a reader to type."""

import re
import shlex
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.exists() and path.name != "changelog.md"
]
SHELLS = ("sh", "console", "bat")
STANDS_FOR = {"TASK": "denoise", "VERB": "denoise", "NAME": "trajectory"}
"""Words of sentences that a reader replaces, each with one of its meanings."""

_FENCED = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.M | re.S)


def blocks(page):
    """Return language and text of each fenced block of a page."""
    found = _FENCED.findall(page.read_text("utf-8"))
    return [(language, text) for _, language, text in found]


def steps(language, text):
    """Return what a shell block runs, each as a list of words, in its order.

    A line can have several, joined by `&&`, and one more at the end of its comment:
    `# after a crash: keras-dip resume kept`.
    """
    found = []
    for line in text.splitlines():
        if language == "console":
            if not line.startswith("$ "):
                continue  # what is printed
            line = line.removeprefix("$ ")
        if language == "bat":
            line = line.replace("\\", "/")
        found += _joined(line)
        in_comment = re.search(r"\s#\s.*?\b(keras-dip .*)$", line)
        if in_comment:
            found += _joined(in_comment[1])
    return found


def _joined(line):
    reader = shlex.shlex(line, posix=True, punctuation_chars="&")
    reader.whitespace_split = True
    parts = [[]]
    for word in reader:
        if word == "&&":
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def is_ours(words):
    """Return whether words call keras-dip, wherever it is installed."""
    return PurePosixPath(words[0]).name == "keras-dip"


def in_sentences(page):
    """Return the commands in backticks, but for those with places to be filled."""
    text = _FENCED.sub("", page.read_text("utf-8"))
    found = re.findall(r"`(keras-dip\s[^`]+)`", text)
    return [
        [STANDS_FOR.get(word, word) for word in shlex.split(line)]
        for line in found
        if "..." not in line and "…" not in line
    ]
