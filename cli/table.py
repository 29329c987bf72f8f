"""The rows of an evaluation: as aligned text line by line, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Row:
    """What came of one picture; None where there is nothing to tell."""

    picture: str
    psnr_degraded: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    seconds: float | None = None
    steps: float | None = None
    best_step: float | None = None
    stopped_by: str = ""
    error: str = ""


_COLUMNS = (
    # heading, attribute, format
    ("PSNR degraded", "psnr_degraded", ".2f"),
    ("PSNR", "psnr", ".2f"),
    ("SSIM", "ssim", ".4f"),
    ("seconds", "seconds", ".1f"),
    ("steps", "steps", ".0f"),
    ("best step", "best_step", ".0f"),
)
LEAST_WIDTH = 7


def mean(rows: Sequence[Row]) -> Row:
    """Return the row of the means over those that have a number."""
    means: dict[str, Any] = {}
    for _, name, _ in _COLUMNS:
        values = [getattr(row, name) for row in rows]
        known = [v for v in values if v is not None and not math.isnan(v)]
        means[name] = statistics.fmean(known) if known else None
    return Row("mean", **means)


class Lines:
    """Aligned lines that can be printed before the later rows are known."""

    def __init__(self, pictures: Sequence[str]) -> None:
        """Make room for the names of the pictures."""
        self._width = max(map(len, [*pictures, "picture"]))

    def heading(self) -> str:
        """Return the line above the rows."""
        cells = [f"{heading:>{_width(heading)}}" for heading, _, _ in _COLUMNS]
        return "  ".join([f"{'picture':<{self._width}}", *cells, "stopped by"])

    def line(self, row: Row) -> str:
        """Return the line of a row; a failure is told in the last column."""
        cells = [
            f"{_text(getattr(row, name), form):>{_width(heading)}}"
            for heading, name, form in _COLUMNS
        ]
        end = f"failed: {row.error}" if row.error else row.stopped_by
        return "  ".join([f"{row.picture:<{self._width}}", *cells, end]).rstrip()


def as_csv(rows: Sequence[Row]) -> str:
    """Return the rows with a line of names above them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Row)]
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as a list of objects; what is not finite is null."""
    return json.dumps(
        [{name: _finite(value) for name, value in asdict(row).items()} for row in rows],
        indent=2,
    )


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _width(heading: str) -> int:
    return max(len(heading), LEAST_WIDTH)


def _text(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)
