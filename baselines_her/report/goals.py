"""A map of goals: circles where episodes succeeded, crosses where they failed."""

from .collect import Goals

WIDTH, MARGIN, SIZE = 260, 24, 4  # pixels


def goal_map(goals: Goals, across: int = 0, up: int = 1) -> str:
    """The goals as SVG, seen along the third axis.

    Args:
      goals: at least two coordinates each.
      across: the coordinate that grows to the right.
      up: the one that grows upwards; both have the same scale.
    """
    x, y = goals.goal[:, across], goals.goal[:, up]
    extent = max(x.max() - x.min(), y.max() - y.min(), 1e-6)
    scale = (WIDTH - 2 * MARGIN) / extent
    marks = []
    for a, b, success in zip(x - x.min(), y - y.min(), goals.success):
        px, py = MARGIN + a * scale, WIDTH - MARGIN - b * scale
        marks.append(_circle(px, py) if success else _cross(px, py))
    names = "xyz"[across] if across < 3 else across, "xyz"[up] if up < 3 else up
    words = f"{int(goals.success.sum())} of {len(x)} goals reached"
    return (
        f'<svg viewBox="0 0 {WIDTH} {WIDTH}" role="img" aria-label="{words}">'
        f"<title>{words}</title>{''.join(marks)}"
        f'<text x="{WIDTH / 2}" y="{WIDTH - 4}">{names[0]}</text>'
        f'<text x="4" y="{WIDTH / 2}">{names[1]}</text>'
        f'<text x="{WIDTH / 2}" y="14">{extent:.2f} m wide</text></svg>'
    )


def _circle(x: float, y: float) -> str:
    return f'<circle class="reached" cx="{x:.1f}" cy="{y:.1f}" r="{SIZE}"/>'


def _cross(x: float, y: float) -> str:
    a, b, c, d = x - SIZE, x + SIZE, y - SIZE, y + SIZE
    path = f"M{a:.1f} {c:.1f}L{b:.1f} {d:.1f}M{a:.1f} {d:.1f}L{b:.1f} {c:.1f}"
    return f'<path class="missed" d="{path}"/>'
