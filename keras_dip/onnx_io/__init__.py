"""Restorations as ONNX files."""
