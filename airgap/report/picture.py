"""The topology as a picture: SVG whose things are links, so that click and keyboard reach them.

Columns from left to right: upstream, store, what serves, environments, server classes, machines.
The registry stands on top and its pulls go over everything else; the factory at the bottom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airgap.report.markup import MARKS, escape
from airgap.report.model import Edge, Node, NodeKind, Topology

__all__ = ["draw"]

_WIDTH, _HEIGHT = 196, 66
_ACROSS, _DOWN = 268, 92
_LEFT, _TOP = 8, 36
_COLUMNS: Mapping[NodeKind, int] = {
    "upstream": 0,
    "store": 1,
    "registry": 2,
    "assetMirror": 2,
    "imageFactory": 2,
    "environment": 3,
    "serverClass": 4,
    "machines": 5,
}
_TITLES = ("Outside", "Carried", "Site", "What machines boot", "Server classes", "Machines")
_LONGEST = 26
_LABEL = "The site's topology, from upstream to the machines"
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a thing stands: its upper left corner."""

    x: float
    y: float

    @property
    def right(self) -> tuple[float, float]:
        return self.x + _WIDTH, self.y + _HEIGHT / 2

    @property
    def left(self) -> tuple[float, float]:
        return self.x, self.y + _HEIGHT / 2


def draw(topology: Topology) -> str:
    """Return the picture as an SVG element."""
    boxes = _arranged(topology.nodes)
    kinds = {node.id: node.kind for node in topology.nodes}
    height = max((box.y for box in boxes.values()), default=0) + _HEIGHT + 14
    width = _LEFT * 2 + _ACROSS * 5 + _WIDTH
    lines = [
        f'<svg viewBox="0 0 {width} {height:.0f}" role="group" aria-label="{_LABEL}">',
        _TIP,
        '<g aria-hidden="true">',
        *_titles(),
        *_edges(topology.edges, boxes, kinds),
        "</g>",
        *(_node(node, boxes[node.id]) for node in topology.nodes),
        "</svg>",
    ]
    return "\n".join(lines)


def _arranged(nodes: Sequence[Node]) -> dict[str, _Box]:
    """Return where each thing stands; environments and classes begin below the registry."""
    columns: dict[int, list[Node]] = {}
    for node in nodes:
        columns.setdefault(_COLUMNS[node.kind], []).append(node)
    longest = max(len(columns.get(column, ())) for column in (3, 4, 5))
    rows = {"registry": 0, "assetMirror": 1, "imageFactory": max(2, longest + 1)}
    boxes = {}
    for column, members in columns.items():
        for index, node in enumerate(members):
            row = rows.get(node.kind, index + 1 if column != 2 else index)
            boxes[node.id] = _Box(_LEFT + column * _ACROSS, _TOP + row * _DOWN)
    return boxes


def _titles() -> Iterator[str]:
    for column, title in enumerate(_TITLES):
        x = _LEFT + column * _ACROSS + _WIDTH / 2
        yield f'<text class="column" x="{x:g}" y="20" text-anchor="middle">{title}</text>'


def _edges(
    edges: Sequence[Edge], boxes: Mapping[str, _Box], kinds: Mapping[str, NodeKind]
) -> Iterator[str]:
    told: set[tuple[str, str]] = set()
    for edge in edges:
        if edge.source not in boxes or edge.target not in boxes:
            continue
        source, target = boxes[edge.source], boxes[edge.target]
        pair = (kinds[edge.source], kinds[edge.target])
        path, label = _way(source, target, pair)
        yield f'<path class="edge" d="{path}" marker-end="url(#tip)"/>'
        key = (edge.source if _is_bus(pair) else pair[0], pair[1] + edge.what)
        if key not in told:  # once: the others are parallel to it
            told.add(key)
            x, y = label
            place = f'x="{x:g}" y="{y:g}" text-anchor="middle"'
            yield f'<text class="what" {place}>{escape(edge.what)}</text>'


def _is_bus(pair: tuple[NodeKind, NodeKind]) -> bool:
    return pair[1] == "machines" and pair[0] in {"registry", "imageFactory"}


def _way(
    source: _Box, target: _Box, pair: tuple[NodeKind, NodeKind]
) -> tuple[str, tuple[float, float]]:
    """Return an edge's path, and where its words stand."""
    if pair == ("registry", "imageFactory"):  # down, along the left of the column
        x, (_, y1), (_, y2) = source.x, source.left, target.left
        path = f"M{x:g} {y1 + 12:g}C{x - 34:g} {y1 + 12:g} {x - 34:g} {y2:g} {x:g} {y2:g}"
        return path, (x - 42, y2 - 52)
    x1, y1 = source.right
    x2, y2 = target.left
    if _is_bus(pair):
        bus, enter = x2 - 22, y2 + (14 if pair[0] == "imageFactory" else -14)
        path = f"M{x1:g} {y1:g}H{bus - 8:g}Q{bus:g} {y1:g} {bus:g} "
        path += f"{y1 + (8 if enter > y1 else -8):g}V{enter:g}H{x2:g}"
        return path, (x1 + 36, y1 - 6)
    middle = (x1 + x2) / 2
    path = f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
    aside = 11 if pair[1] == "machines" else 0  # where the pulls come down
    return path, (middle - aside, (y1 + y2) / 2 - 6)


def _node(node: Node, box: _Box) -> str:
    word = "" if node.standing == "same" else MARKS[node.standing]
    told = f"{node.name}, {node.detail}: {node.standing}" if node.detail else node.name
    x = box.x + 10
    return (
        f'<a href="#{escape(node.target)}" class="{node.standing}" id="{escape(node.id)}" '
        f'aria-label="{escape(told)}">'
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="7"/>'
        f'<text class="name" x="{x:g}" y="{box.y + 20:g}">{escape(_cut(node.name))}</text>'
        f'<text class="detail" x="{x:g}" y="{box.y + 38:g}">{escape(_cut(node.detail, 28))}</text>'
        f'<text class="word" x="{x:g}" y="{box.y + 55:g}">{word}</text></a>'
    )


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
