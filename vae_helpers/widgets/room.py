"""How tall an explorer will be: its page keeps the room free before anything is drawn.

The numbers are those of latent_explorer.css, in pixels. Words are measured by their letters, so an
explorer may turn out a line lower than the room that is kept, and hardly ever taller.
"""

from math import ceil

FINGER = 44  # what a finger presses, tabs and lists among it, is as tall as that
GAP = 8
LETTER = 8.0  # wider than most


def heights(state, front=False):
    """In a wide place (the book's column) and in a narrow one (a phone): two CSS lengths.

    On the front page, where sliders and tabs are left out, ``front`` is True.
    """
    return _height(state, 672, True, front), _height(state, 342, False, front)


def _height(state, width, wide, front):
    names = [facts["name"] for facts in state["models"]]
    tall, broad = state["models"][0]["decoder"]["output"][:2]
    aspect = tall / broad
    panels = state["panels"]
    many = len(names) > 3
    column = (width - 8 * (len(names) - 1)) / (5 if many else len(names))
    picture = 80 if many else 112 if wide else 84
    if not panels and not many:
        picture = min(168, column)
    strip = _rows(names, 5 if many else 3, column, min(picture, column) * aspect)
    sliders = 32 * ceil(len(state["dims"]) / (2 if wide else 1))
    note = 20 * (state["latent_dim"] > len(state["dims"])) * (1 if wide else 3)
    fixed = strip if front else sliders + FINGER + note + strip
    if not panels:
        return f"{ceil(fixed)}px"
    across = (3 if wide else 2) if many else len(names)
    rows = ceil(len(names) / across)
    squares = rows if panels[0] in ("map", "grid") else 0
    fixed += squares * (24 + GAP) * many
    if panels[0] == "map":
        fixed += FINGER * ("epochs" in state["points"]) + (40 if wide else 72)
        fixed += FINGER * _legend_rows(state["points"]["class_names"], width)
    elif panels[0] == "walk":
        fixed += FINGER * (2 if wide else 3) + GAP
        films = ceil(len(names) / (1 if len(names) == 1 else 2))
        fixed += films * (width / 16 * aspect + 44)
    elif panels[0] == "pad":
        fixed += 350 if wide else 220
    side = f"{width / across:.0f}px" if wide else f"{100 / across:.1f}vw - 20px"
    taken = "27rem" if front else "23.5rem"  # by all but the squares
    most = "340px" if many else f"clamp(150px, 100svh - {taken}, 340px)"
    return f"calc({ceil(fixed)}px + {squares} * min({side}, {most}))"


def _rows(names, across, column, picture):
    """Rows of pictures below their names."""
    rows = [names[first : first + across] for first in range(0, len(names), across)]
    lines = [max(ceil(len(name) * LETTER / column) for name in row) for row in rows]
    return 20 * sum(lines) + len(rows) * (4 + picture + GAP)


def _legend_rows(names, width):
    rows, used = 1, 0
    for name in (*names, "Decoded grid behind"):
        size = 36 + 0.9 * LETTER * len(name)
        rows, used = (rows, used + size) if used + size <= width else (rows + 1, size)
    return rows
