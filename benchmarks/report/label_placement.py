"""Names beside the points of a plot, where they cover least."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Point = tuple[float, float]
_PLACES = [(math.cos(angle * math.pi / 4), math.sin(angle * math.pi / 4)) for angle in (0, 2, 6, 4, 1, 7, 3, 5)]
_DISTANCES = (9, 22, 38, 56, 76)
#: What it costs, in square pixels of something covered, that a name stands nearer to another point than to its own, and
#: that its leader runs along the point's own upright bar, where nobody sees it.
_MISLEADING, _HIDDEN = 1500, 1000


def label_points(
    drawing: Any,
    axes: Any,
    points: Sequence[Point],
    names: Sequence[str],
    obstacles: Sequence[tuple[Point, Point]],
) -> None:
    """Write each name at the place beside its point where it covers least: greedy, nearest places first.

    Args:
        drawing, axes: with everything else drawn.
        points, names: what to label.
        obstacles: lines, upright or level, that should not be covered either.
    """
    from matplotlib.transforms import Bbox

    drawing.draw_without_rendering()
    renderer, frame = drawing.canvas.get_renderer(), axes.get_window_extent()
    pixels_per_point = drawing.dpi / 72
    taken = [_line_box(axes.transData.transform(line)) for line in obstacles]
    places = axes.transData.transform(points)
    taken += [Bbox.from_bounds(x - 7, y - 7, 14, 14) for x, y in places]
    named: list[Any] = []
    for point, center, name in zip(points, places, names, strict=True):
        best, best_cost = None, math.inf
        for distance, (dx, dy) in itertools.product(_DISTANCES, _PLACES):
            aligned = {
                "ha": "left" if dx > 0.1 else "right" if dx < -0.1 else "center",
                "va": "bottom" if dy > 0.1 else "top" if dy < -0.1 else "center",
            }
            leader = {"arrowstyle": "-", "color": "#b0b0b0", "linewidth": 0.7} if distance > _DISTANCES[0] else None
            note = axes.annotate(
                name,
                point,
                (dx * distance, dy * distance),
                textcoords="offset points",
                fontsize=8.5,
                # Not a stroke around the letters: it would turn them into outlines, in SVG too.
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6},
                arrowprops=leader,
                **aligned,
            )
            box = _text_box(note, renderer).padded(2)
            cost = sum(_shared(box, other) for other in taken) + 4 * (box.width * box.height - _shared(box, frame))
            # Near is better, and a leader should not cross another name.
            cost += distance * pixels_per_point * 0.01
            target = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            steps = [center + share * (target - center) for share in np.linspace(0, 1, 12)] if leader else []
            cost += _MISLEADING * (min(_gap(box, place) for place in places) < _gap(box, center))
            cost += _HIDDEN * (leader is not None and abs(dx) < 0.1)
            # Two names in one place are both lost.
            cost += 10 * sum(_shared(box, name_box) for name_box in named)
            cost += 30 * sum(name_box.contains(*step) for name_box in named for step in steps)
            if cost < best_cost:
                if best is not None:
                    best[0].remove()
                best, best_cost = (note, box), cost
            else:
                note.remove()
        if best is not None:
            best[0].set_in_layout(False)
            taken.append(best[1])
            named.append(best[1])


def _line_box(ends: Any) -> Any:
    """Return the box around an upright or level line, 6 pixels thick."""
    from matplotlib.transforms import Bbox

    (x0, y0), (x1, y1) = ends
    return Bbox.from_extents(min(x0, x1) - 3, min(y0, y1) - 3, max(x0, x1) + 3, max(y0, y1) + 3)


def _text_box(note: Any, renderer: Any) -> Any:
    """Return the text's own box: an annotation's would include its leader."""
    from matplotlib.text import Text

    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer)


def _gap(box: Any, place: Any) -> float:
    """Return the pixels from a box to a place; 0 inside."""
    return math.hypot(max(box.x0 - place[0], place[0] - box.x1, 0), max(box.y0 - place[1], place[1] - box.y1, 0))


def _shared(a: Any, b: Any) -> float:
    """Return the area that two boxes share, in square pixels."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0
