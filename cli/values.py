"""Kinds of values on the command line that click does not have."""

from __future__ import annotations

import math
import re
from typing import Any

import click


class Numbers(click.ParamType[tuple[float, ...]]):
    """Finite numbers with commas between them."""

    name = "A,B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in value.split(","))
        except ValueError:
            numbers = (math.nan,)
        if not all(map(math.isfinite, numbers)):
            self.fail(f"Expected numbers, as in 15,30. Received: {value!r}.")
        return numbers


class Size(click.ParamType[int]):
    """Bytes, with K, M, G or T for powers of 1024."""

    name = "SIZE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)i?B?", value, re.IGNORECASE)
        size = 0
        if found is not None:
            power = " KMGT".index(found[2].upper() or " ")
            size = int(float(found[1]) * 1024**power)
        if size < 1:
            self.fail(f"Expected a size, as in 4G or 500M. Received: {value!r}.")
        return size
