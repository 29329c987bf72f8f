"""The work list: which pictures, where from, and what their outputs are called.

A source is a folder, a pattern, a list (.txt or .csv), a picture, or a URL of one of
these. The name of an output is the picture's path below its source.
"""

from __future__ import annotations

import csv
import glob
import io
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from keras_dip.batch.remote import (
    fixed_folder,
    has_pattern,
    is_url,
    list_urls,
    read_text,
)
from keras_dip.errors import KerasDipError

LISTS = (".txt", ".csv")
INPUT, OUTPUT = "input", "output"
"""Columns of a list that are not options."""


@dataclass(frozen=True)
class Picture:
    """One picture of the work list.

    Attributes:
        source: Its path or URL.
        name: The path of its output below the output folder, with "/" between.
        options: What a list says of this picture alone, by the names of the columns.
        line: Where a list says so, for messages.
    """

    source: str
    name: str
    options: dict[str, str] = field(default_factory=dict)
    line: str = ""


def find_pictures(
    sources: Iterable[str],
    *,
    suffixes: Sequence[str],
    recursive: bool = True,
    exclude: Iterable[str] = (),
) -> list[Picture]:
    """Return the pictures of all sources, sorted within each folder or pattern.

    Args:
        sources: Folders, patterns, lists, pictures and URLs.
        suffixes: Those of the files of a folder or pattern that are pictures, in lower
            case; lists and names given one by one may have any.
        recursive: Whether the folders of a folder belong to it.
        exclude: Folders whose files are never taken from a folder or pattern.

    Raises:
        KerasDipError: If a source does not exist or a list cannot be read, or there is
            no picture at all.
    """
    given = list(sources)
    hidden = [Path(os.path.realpath(folder)) for folder in exclude]
    if len(given) == 1:  # of several, it may be there because a shell expanded "in/*"
        only = Path(os.path.realpath(given[0]))
        hidden = [folder for folder in hidden if folder != only]
    pictures = [
        picture
        for source in given
        for picture in _pictures_of(source, suffixes, recursive, hidden)
    ]
    if not pictures:
        raise KerasDipError(
            f"Expected pictures ({', '.join(suffixes)}). "
            f"Received: {', '.join(map(repr, given))}, where there are none."
        )
    return pictures


def with_suffix(pictures: Iterable[Picture], suffixes: Sequence[str]) -> list[Picture]:
    """Return the pictures with outputs that have one of some suffixes; else the first.

    Args:
        pictures: The work list.
        suffixes: In lower case.
    """

    def named(name: str) -> str:
        path = PurePosixPath(name)
        fits = path.suffix.lower() in suffixes
        return name if fits else str(path.with_suffix(suffixes[0]))

    return [replace(picture, name=named(picture.name)) for picture in pictures]


def _pictures_of(
    source: str, suffixes: Sequence[str], recursive: bool, hidden: Sequence[Path]
) -> Iterator[Picture]:
    if is_url(source):
        yield from _of_url(source, suffixes, recursive)
    elif os.path.isdir(source):
        yield from _of_folder(source, suffixes, recursive, hidden)
    elif os.path.exists(source):
        yield from _of_file(source)
    elif has_pattern(source):
        yield from _of_pattern(source, suffixes, hidden)
    else:
        raise KerasDipError(
            "Expected a folder, a pattern, a list (.txt, .csv), a picture or a URL. "
            f"Received: {source!r}, which does not exist."
        )


def _of_folder(
    source: str, suffixes: Sequence[str], recursive: bool, hidden: Sequence[Path]
) -> Iterator[Picture]:
    for folder, folders, files in os.walk(source):
        if _is_below(folder, hidden):
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if recursive and f[0] != ".")
        for file in sorted(files):
            path = os.path.join(folder, file)
            if _is_picture(file, suffixes):
                yield Picture(path, Path(os.path.relpath(path, source)).as_posix())


def _of_pattern(
    pattern: str, suffixes: Sequence[str], hidden: Sequence[Path]
) -> Iterator[Picture]:
    top = "/" if pattern[0] == "/" else "."
    root = fixed_folder(Path(pattern).as_posix()) or top
    for path in sorted(glob.glob(pattern, recursive=True)):
        wanted = _is_picture(os.path.basename(path), suffixes)
        if wanted and not os.path.isdir(path) and not _is_below(path, hidden):
            yield Picture(path, Path(os.path.relpath(path, root)).as_posix())


def _of_file(source: str) -> Iterator[Picture]:
    if source.lower().endswith(LISTS):
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
            if "\0" in text:
                raise ValueError("it has a zero byte")
            yield from _of_list(source, text)
        except (OSError, ValueError, csv.Error) as error:
            raise KerasDipError(
                f"Expected a list in UTF-8. Received: {source!r} ({error})."
            ) from error
    else:
        yield Picture(source, os.path.basename(source))


def _of_url(url: str, suffixes: Sequence[str], recursive: bool) -> Iterator[Picture]:
    if url.lower().endswith(LISTS):
        yield from _of_list(url, read_text(url))
        return

    def wanted(path: str) -> bool:
        return _is_picture(path.rpartition("/")[2], suffixes)

    for address, name in list_urls(url, recursive=recursive, wanted=wanted):
        yield Picture(address, name)


def _of_list(source: str, text: str) -> Iterator[Picture]:
    """Read a list; its relative names are seen from its own folder."""
    if source.lower().endswith(".txt"):
        for name in filter(None, map(str.strip, text.split("\n"))):
            yield Picture(_beside(source, name), _name_of(name))
        return
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    columns = [name.strip() for name in rows.fieldnames or ()]
    if INPUT not in columns or len(set(columns)) < len(columns):
        raise KerasDipError(
            f"Expected a first line of names, each once, among them '{INPUT}', in "
            f"{source!r}. Received: {', '.join(columns) or 'nothing'}."
        )
    rows.fieldnames = columns
    for row in rows:
        line = f"{source}, line {rows.line_num}"
        if "" in row:
            raise KerasDipError(
                f"Expected {len(columns)} cells in {line}. Received: more."
            )
        cells = {name: value.strip() for name, value in row.items() if value}
        name = cells.pop(INPUT, "")
        if not name:
            raise KerasDipError(f"Expected an {INPUT} in {line}. Received: none.")
        output = _checked(cells.pop(OUTPUT, ""), line) or _name_of(name)
        yield Picture(_beside(source, name), output, cells, line)


def beside(picture: Picture, name: str) -> str:
    """Return a file that a list names in a cell, seen from the list's folder."""
    return _beside(picture.line.rpartition(", line ")[0], name)


def _beside(source: str, name: str) -> str:
    if is_url(name) or os.path.isabs(name):
        return name
    if is_url(source):
        return f"{source.rpartition('/')[0]}/{name}"
    return os.path.join(os.path.dirname(source), name)


def _name_of(name: str) -> str:
    """Return the output of a listed picture, with its folders if they lead down."""
    path = name.partition("::")[0] if is_url(name) else name
    inside = Path(path).as_posix()
    if is_url(name) or os.path.isabs(name) or _leads_out(inside):
        return posixpath.basename(inside)
    return posixpath.normpath(inside)


def _checked(output: str, line: str) -> str:
    if output and (is_url(output) or os.path.isabs(output) or _leads_out(output)):
        raise KerasDipError(
            f"Expected an {OUTPUT} below the output folder in {line}. "
            f"Received: {output!r}."
        )
    return posixpath.normpath(Path(output).as_posix()) if output else ""


def _leads_out(path: str) -> bool:
    return posixpath.normpath(path).split("/")[0] == ".."


def _is_picture(name: str, suffixes: Sequence[str]) -> bool:
    return name[:1] != "." and name.lower().endswith(tuple(suffixes))


def _is_below(path: str, folders: Sequence[Path]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(folder) for folder in folders)
