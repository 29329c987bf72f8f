"""Errors that a user can act on: each message is one clear line."""


class KerasDipError(Exception):
    """Base of the errors raised on purpose; its message is one line for the user."""


class ImageError(KerasDipError, ValueError):
    """A picture, mask or file that cannot be read, used or written."""


class ExportError(KerasDipError, RuntimeError):
    """An ONNX file that could not be written, or is not what it should be."""


class FitError(KerasDipError, RuntimeError):
    """A fit that came to no picture at all."""
