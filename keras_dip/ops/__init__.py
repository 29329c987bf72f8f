"""Degradation operators: differentiable, written with `keras.ops`."""
