"""A network as a diagram: what happens at which resolution, on the way down and up.

Layers are sorted by the size of what they give. A convolution from which the coarsest
one can be reached is on the way down; one that is reached from there is on the way up;
one that is neither leads across (a skip connection).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

WIDTH = 480
BOX_WIDTH, BOX_HEIGHT, GAP = 150, 40, 18
LEFT, RIGHT = 95, WIDTH - 95
NARROWEST = 112


@dataclass
class Block:
    """Convolutions at one resolution, one after the other.

    Attributes:
        convolutions: how many.
        channels: of the last one.
    """

    convolutions: int = 0
    channels: int = 0

    def add(self, channels: int) -> None:
        """Take in the next convolution."""
        self.convolutions += 1
        self.channels = channels


@dataclass
class Level:
    """What a network does at one resolution; blocks of no convolution are not there."""

    height: int
    width: int
    down: Block = field(default_factory=Block)
    across: Block = field(default_factory=Block)
    up: Block = field(default_factory=Block)
    copied: int = 0  # channels that go across as they are


@dataclass(frozen=True)
class Box:
    """A box of the diagram: its middle above, its width, and two lines of words."""

    x: float
    y: float
    width: float
    words: str
    more: str
    kind: str

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.width / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + BOX_HEIGHT


@dataclass(frozen=True)
class Arrow:
    """A line of the diagram, with words beside it."""

    path: str
    kind: str
    words: str = ""
    x: float = 0
    y: float = 0


@dataclass(frozen=True)
class Diagram:
    """Boxes and arrows in a space of `WIDTH` x `height`, and what they say in words."""

    boxes: list[Box]
    arrows: list[Arrow]
    height: float
    label: str
    width: int = WIDTH


def levels_of(model: Any) -> list[Level]:
    """Return what a Keras model does, finest resolution first.

    Empty where its layers cannot be told, or none of them is a convolution.
    """
    try:
        parents = _parents(model)
        layers = [(layer, _size(layer)) for layer in model.layers]
    except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError):
        return []  # a model of the user's that is not a graph of layers
    convolutions = [
        (layer.name, size)
        for layer, size in layers
        if size and "Conv" in type(layer).__name__
    ]
    if not convolutions:
        return []
    coarsest = min(height * width for _, (height, width, _) in convolutions)
    bottom = {name for name, (h, w, _) in convolutions if h * w == coarsest}
    before = _reachable(bottom, parents)
    after = _reachable(bottom, _turned(parents))
    levels: dict[tuple[int, int], Level] = {}
    for name, (height, width, channels) in convolutions:
        level = levels.setdefault((height, width), Level(height, width))
        if name in bottom or name in before:
            side = level.down
        else:
            side = level.up if name in after else level.across
        side.add(channels)
    sizes = {layer.name: size for layer, size in layers}
    for name in after:
        for parent in parents[name] if len(parents[name]) > 1 else ():
            size = sizes[parent]
            if parent in before and size and size[:2] in levels:
                levels[size[:2]].copied = size[2]
    return sorted(levels.values(), key=lambda level: -level.height * level.width)


def parts_of(model: Any) -> tuple[Any, int]:
    """Return the network that is drawn, and how many like it are averaged."""
    inner = [layer for layer in model.layers if getattr(layer, "layers", None)]
    return (inner[0], len(inner)) if inner else (model, 1)


def diagram_of(
    levels: list[Level], z: tuple[int, ...], image: tuple[int, ...]
) -> Diagram:
    """Return where boxes and arrows go.

    Args:
        levels: as `levels_of` gives them.
        z: shape [h, w, c] of the network's input.
        image: shape [H, W, C] of its output.
    """
    step = BOX_HEIGHT + GAP
    boxes = [
        Box(LEFT, 1, BOX_WIDTH, "z", _shape(*z), "end"),
        Box(RIGHT, 1, BOX_WIDTH, "x", _shape(*image), "end"),
    ]
    arrows = []
    above = {"left": boxes[0], "right": boxes[1]}
    for index, level in enumerate(levels):
        y = 1 + (index + 1) * step
        is_last = index == len(levels) - 1
        shrink = (BOX_WIDTH - NARROWEST) / max(len(levels) - 1, 1)
        width = BOX_WIDTH - shrink * index
        if is_last:
            middle = _box(WIDTH / 2, y, width, level, level.down, "bottom")
            boxes.append(middle)
            arrows += [_elbow(above["left"], middle), _elbow(middle, above["right"])]
            continue
        for side, x, block in (
            ("left", LEFT, level.down),
            ("right", RIGHT, level.up),
        ):
            if block.convolutions:
                box = _box(x, y, width, level, block, "way")
                boxes.append(box)
                pair = (above[side], box) if side == "left" else (box, above[side])
                arrows.append(_straight(*pair))
                above[side] = box
        across = level.across.channels or level.copied
        if across:
            arrows.append(_across(y, width, level, across))
    sizes = ", ".join(f"{level.width}x{level.height}" for level in levels)
    label = f"The network: z above on the left, resolutions {sizes}, the picture x."
    return Diagram(boxes, arrows, 2 + (len(levels) + 1) * step - GAP, label)


def _parents(model: Any) -> dict[str, list[str]]:
    """Return the layers whose output each layer takes, by their names."""
    names = [layer.name for layer in model.layers]
    configs = model.get_config()["layers"]
    by_name = {
        config.get("name") or config["config"]["name"]: config.get("inbound_nodes")
        for config in configs
    }
    if all(nodes is None for nodes in by_name.values()):  # one after the other
        return {name: names[i - 1 : i] if i else [] for i, name in enumerate(names)}
    return {name: list(_histories(by_name.get(name))) for name in names}


def _histories(nodes: Any) -> Iterable[str]:
    """Yield the names of layers that a layer's serialised inbound nodes speak of."""
    if isinstance(nodes, dict):
        history = nodes.get("keras_history")
        if history:
            yield history[0]
        nodes = list(nodes.values())
    if isinstance(nodes, (list, tuple)):
        for node in nodes:
            yield from _histories(node)


def _size(layer: Any) -> tuple[int, int, int] | None:
    """Return height, width and channels of what a layer gives, if that is a picture."""
    shape = getattr(getattr(layer, "output", None), "shape", ())
    if len(shape) != 4 or None in shape[1:]:
        return None
    height, width, channels = map(int, shape[1:])
    return height, width, channels


def _reachable(start: set[str], edges: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for name in edges.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _turned(edges: dict[str, list[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {}
    for name, others in edges.items():
        for other in others:
            turned.setdefault(other, []).append(name)
    return turned


def _box(
    x: float, y: float, width: float, level: Level, block: Block, kind: str
) -> Box:
    many = "s" if block.convolutions > 1 else ""
    more = f"{block.convolutions} convolution{many}"
    return Box(
        x, y, width, _shape(level.height, level.width, block.channels), more, kind
    )


def _shape(height: int, width: int, channels: int) -> str:
    return f"{width}×{height}×{channels}"  # noqa: RUF001


def _straight(start: Box, end: Box) -> Arrow:
    """Return an arrow between boxes that stand over each other."""
    is_down = start.y < end.y
    y0, y1 = (start.bottom, end.y) if is_down else (start.y, end.bottom)
    return Arrow(f"M{start.x:g} {y0:g}V{y1:g}", "flow")


def _elbow(start: Box, end: Box) -> Arrow:
    """Return an arrow from or to the box at the bottom, around a corner."""
    if start.y < end.y:
        y = end.y + BOX_HEIGHT / 2
        return Arrow(f"M{start.x:g} {start.bottom:g}V{y:g}H{end.left:g}", "flow")
    y = start.y + BOX_HEIGHT / 2
    edge = start.left + start.width
    return Arrow(f"M{edge:g} {y:g}H{end.x:g}V{end.bottom:g}", "flow")


def _across(y: float, width: float, level: Level, channels: int) -> Arrow:
    """Return the arrow of a skip connection, from a box or from what passes by."""
    middle = y + BOX_HEIGHT / 2
    start = LEFT + (width / 2 if level.down.convolutions else 0)
    end = RIGHT - (width / 2 if level.up.convolutions else 0)
    words = f"skip, {channels}"
    return Arrow(f"M{start:g} {middle:g}H{end:g}", "skip", words, WIDTH / 2, middle - 6)
