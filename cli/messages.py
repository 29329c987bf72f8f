"""What the command line says to a person: lines on standard error, in three volumes."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click


@dataclass
class Messages:
    """Lines on standard error; `quiet` leaves errors only, `verbose` adds detail.

    Standard output is kept for what was asked for there: a picture, or `info`.
    """

    quiet: bool = False
    verbose: bool = False

    def error(self, text: str) -> None:
        """Say what went wrong, always and in one line."""
        click.echo(f"keras-dip: {' '.join(text.split())}", err=True)

    def note(self, text: str) -> None:
        """Say something that a person waits for, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def detail(self, text: str) -> None:
        """Say something for the curious, when verbose."""
        if self.verbose:
            click.echo(text, err=True)

    def traceback(self, error: BaseException) -> None:
        """Show where an error came from, when verbose."""
        self.detail("".join(traceback.format_exception(error)).rstrip())

    def unexpected(self, error: BaseException) -> None:
        """Report an error that nobody foresaw."""
        self.error(f"{type(error).__name__}: {error}" if str(error) else repr(error))
        if self.verbose:
            self.traceback(error)
        else:
            self.error("use -v for the traceback")

    @contextmanager
    def warnings_as_lines(self) -> Iterator[None]:
        """Show Python warnings as one line each; those for developers when verbose."""
        with warnings.catch_warnings():
            warnings.showwarning = self._show_warning
            yield

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        *where: object,
        **more: object,
    ) -> None:
        line = f"keras-dip: warning: {' '.join(str(message).split())}"
        if category is UserWarning:
            self.note(line)
        else:
            self.detail(f"{line} ({category.__name__})")
