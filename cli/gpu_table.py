"""What `keras-dip bench --gpu` measured, as lines for a person."""

from __future__ import annotations

from typing import Any

NOTHING = "-"


def gpu_lines(measured: dict[str, Any]) -> list[str]:
    """Return the table of `keras_dip.gpu_benchmark.measure`."""
    told = [
        *_head(measured),
        *_steps(measured["steps"]),
        *(line for row in measured["marks"] for line in _marks(row)),
        *_many(measured),
    ]
    told += [f"left out: {line}" for line in measured["left_out"]]
    return [*told, f"measured in {measured['seconds']:.0f} s"]


def _head(measured: dict[str, Any]) -> list[str]:
    machine = measured["machine"]
    backend = machine["backend"]
    peaks = (
        f"{policy} {_number(peak, '.2f', ' TFLOP/s')}"
        for policy, peak in measured["peak_tflops"].items()
    )
    return [
        f"{machine['name']}, {machine['cpus']} CPU cores, {machine['system']}",
        f"{backend} {machine[backend]}, Keras {machine['keras']}, "
        f"keras_dip {machine['keras_dip']}",
        f"measured peak, of matrix products: {', '.join(peaks)}",
    ]


def _steps(rows: list[dict[str, Any]]) -> list[str]:
    columns = "{:<12}{:<16}{:>12}{:>14}{:>10}{:>10}{:>16}"
    names = ("size", "precision", "step", "compilation", "TFLOP/s", "of peak", "memory")
    lines = ["one step of the default preset (memory: the most that was used so far):"]
    lines.append("  " + columns.format(*names))
    for row in rows:
        share, peak = row["share_of_peak"], row["peak_bytes"]
        cells = (
            f"{row['size']}x{row['size']}",
            row["policy"],
            f"{row['step_seconds'] * 1000:.2f} ms",
            f"{row['compile_seconds']:.1f} s",
            f"{row['tflops']:.3f}",
            _number(None if share is None else 100 * share, ".1f", " %"),
            _number(None if peak is None else peak / 2**20, ".0f", " MiB"),
        )
        lines.append("  " + columns.format(*cells))
    return lines


def _marks(row: dict[str, Any]) -> list[str]:
    head = (
        f"{row['picture']}, {row['policy']}: from {row['psnr_before']:.2f} to "
        f"{row['psnr']:.2f} dB, {row['steps']} steps in {row['seconds']:.2f} s "
        f"({row['stopped_by']}); with compilation a first fit takes "
        f"{row['compile_seconds']:.1f} s more"
    )
    marks = (
        f"{mark['psnr']:g} dB {_number(mark['seconds'], '.2f', ' s')}"
        for mark in row["marks"]
    )
    return [head, f"  {', '.join(marks)}"]


def _many(measured: dict[str, Any]) -> list[str]:
    lines, alone = [], measured["one_at_a_time"]
    if alone:
        lines.append(
            f"pictures of {alone['size']}x{alone['size']} one at a time: "
            f"{alone['per_minute']:.1f} a minute"
        )
    return lines + [_at_once(row) for row in measured["together"]]


def _at_once(row: dict[str, Any]) -> str:
    seconds, steps = row["seconds"], row["steps"]
    line = (
        f"{row['count']} {row['what']} at once: {seconds:.2f} s, {steps:.0f} steps each"
    )
    if row["what"].startswith("pictures"):
        line += f", {60 * row['count'] / seconds:.1f} a minute"
    if row["seconds_of_one"] is None:
        return line
    per_step = (seconds / steps) / (row["seconds_of_one"] / row["steps_of_one"])
    return (
        f"{line}; one alone {row['seconds_of_one']:.2f} s, "
        f"{row['steps_of_one']:.0f} steps: a step of all is {per_step:.2f} of one alone"
    )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:{form}}{unit}"
