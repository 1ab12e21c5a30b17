"""The sample's motifs: one simple drawing for every genre.

A motif fills about -1 to 1 both ways, x to the right and y downwards; the poster sets its position and size.
Shapes are large and few: they must be recognisable at 64 by 64 pixels.
"""

from collections.abc import Callable, Sequence

import numpy as np

from datasets.sample.brush import Brush, Point

_HEART = tuple(
    (
        float(np.sin(t) ** 3),
        float(-(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16),
    )
    for t in np.linspace(0, 2 * np.pi, 40)
)


def _mirrored(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return half an outline, top to bottom, with its mirror image in x = 0."""
    return (*points, *((-x, y) for x, y in reversed(points)))


def _explosion(b: Brush) -> None:
    b.star("#c62f0a", 0, 0, 1.25, 0.6, 11)
    b.star("#ff7b12", 0, 0, 0.95, 0.48, 11)
    b.star("#ffe14d", 0, 0, 0.62, 0.34, 11)
    b.disc("#1a1210", 0, -0.2, 0.13)
    b.shape(
        "#1a1210",
        (-0.16, -0.05),
        (0.16, -0.05),
        (0.36, 0.95),
        (0.12, 0.95),
        (0, 0.5),
        (-0.2, 0.95),
        (-0.42, 0.95),
    )


def _sailing_ship(b: Brush) -> None:
    b.disc("#ffe9a8", 0.75, -0.8, 0.25)
    b.shape("#fff6e0", (-0.05, -1), (-0.05, 0.35), (-0.85, 0.35))
    b.shape("#f2b632", (0.06, -0.8), (0.06, 0.35), (0.75, 0.35))
    b.shape("#7a3d14", (-1, 0.45), (1, 0.45), (0.65, 0.9), (-0.65, 0.9))
    for x in (-1.1, -0.4, 0.3, 1.0):
        b.arc("#e8fbf7", 0.07, x, 0.82, 0.3, 20, 160)


def _round_creature(b: Brush) -> None:
    body = ("#ff4fa0", "#7ed321", "#ff8c1a", "#8f5bff")[int(b.rng.integers(4))]
    b.disc(body, -0.6, -0.75, 0.3)
    b.disc(body, 0.6, -0.75, 0.3)
    b.disc(body, 0, 0.1, 1)
    b.disc("#ffffff", 0, 0.5, 0.55, 0.42)
    for x in (-0.36, 0.36):
        b.disc("#ffffff", x, -0.25, 0.3)
        b.disc("#1d1d3a", x * 0.85, -0.2, 0.14)
    b.arc("#1d1d3a", 0.07, 0, 0.25, 0.35, 20, 160)


def _portrait(b: Brush) -> None:
    b.disc("#8a6a3f", 0, 0, 0.95, 1.15)
    b.disc("#f1dfb8", 0, 0, 0.82, 1.02)
    b.disc("#5b4023", 0, -0.25, 0.33, 0.42)
    b.shape("#5b4023", *_mirrored([(0.14, 0.05), (0.5, 0.35), (0.6, 0.65), (0.35, 0.9)]))


def _joker(b: Brush) -> None:
    b.disc("#ffd21f", 0, 0, 0.9)
    b.box("#d81e3a", -0.85, -0.8, 0.85, -0.62)
    b.box("#d81e3a", -0.5, -1.3, 0.5, -0.75)
    for x in (-0.32, 0.32):
        b.disc("#3a1a00", x, -0.18, 0.11, 0.17)
    b.disc("#ffffff", 0, 0.3, 0.55, 0.38)
    b.box("#ffd21f", -0.6, -0.1, 0.6, 0.22)
    b.disc("#e0483a", 0, 0.1, 0.16)


def _night_city(b: Brush) -> None:
    left = -1.3
    while left < 1.2:
        width, top = b.rng.uniform(0.3, 0.5), b.rng.uniform(-1.0, 0.2)
        b.box("#0c1322", left, top, left + width, 1)
        for row in np.arange(top + 0.12, 0.9, 0.24):
            for column in np.arange(left + 0.07, left + width - 0.1, 0.16):
                if b.rng.random() < 0.5:
                    b.box("#ffd65c", column, row, column + 0.08, row + 0.12)
        left += width + 0.04


def _film_strip(b: Brush) -> None:
    for x in (-0.72, 0.12):
        b.box("#111111", x, -1, x + 0.66, 0.9)
        for y in np.arange(-0.93, 0.8, 0.62):
            b.box("#d9d9d4", x + 0.14, y, x + 0.52, y + 0.48)
        for y in np.arange(-0.95, 0.8, 0.2):
            b.box("#d9d9d4", x + 0.03, y, x + 0.09, y + 0.1)
            b.box("#d9d9d4", x + 0.57, y, x + 0.63, y + 0.1)


def _umbrella_in_rain(b: Brush) -> None:
    for x, y in b.rng.uniform(-1.3, 1.3, (26, 2)):
        b.line("#b9c9d6", 0.025, (x, y), (x - 0.06, y + 0.22))
    b.dome("#8c2f39", 0, -0.1, 0.75)
    b.line("#20262d", 0.05, (0, -0.2), (0, 0.5))
    b.disc("#20262d", -0.08, 0.1, 0.15)
    b.shape("#20262d", (-0.24, 0.26), (0.1, 0.26), (0.26, 1.05), (-0.4, 1.05))


def _house(b: Brush) -> None:
    b.box("#fff3dc", -0.7, -0.15, 0.7, 0.9)
    b.shape("#e2543f", (-0.95, -0.15), (0, -0.95), (0.95, -0.15))
    b.box("#3f79c4", -0.18, 0.35, 0.18, 0.9)
    for x in (-0.45, 0.45):
        b.box("#ffd65c", x - 0.15, 0.02, x + 0.15, 0.3)
    for x, tall in ((-1.05, 0.55), (1.0, 0.4), (1.25, 0.3)):
        b.disc("#7a4a2a", x, 0.9 - tall, 0.1)
        b.shape("#2f8f6b", (x, 0.9 - tall), (x + 0.15, 0.95), (x - 0.15, 0.95))


def _castle(b: Brush) -> None:
    b.box("#d9c8f2", -0.75, 0, 0.75, 0.9)
    for x, top in ((-0.8, -0.35), (0, -0.75), (0.8, -0.35)):
        b.box("#efe4ff", x - 0.2, top, x + 0.2, 0.9)
        b.shape("#e0489b", (x - 0.28, top), (x, top - 0.55), (x + 0.28, top))
        b.box("#5a3a8c", x - 0.06, top + 0.18, x + 0.06, top + 0.4)
    b.disc("#5a3a8c", 0, 0.62, 0.15)
    b.box("#5a3a8c", -0.15, 0.62, 0.15, 0.9)
    for x, y in ((-1.1, -1.0), (-0.45, -1.2), (0.6, -1.15), (1.15, -0.8)):
        b.star("#fff27a", x, y, 0.13, 0.05, 4)


def _temple(b: Brush) -> None:
    b.shape("#b98d52", (-1, -0.4), (0, -0.95), (1, -0.4))
    b.box("#a3763d", -1, -0.38, 1, -0.22)
    for x in (-0.85, -0.42, 0.02, 0.45):
        b.box("#e9d3a1", x, -0.2, x + 0.3, 0.72)
        b.box("#b98d52", x + 0.12, -0.2, x + 0.17, 0.72)
    b.box("#a3763d", -1.1, 0.72, 1.1, 0.92)


def _ghost_under_moon(b: Brush) -> None:
    b.disc("#f3d9b0", 0.45, -0.65, 0.5)
    b.line("#140406", 0.12, (-0.95, 1), (-0.85, 0.1), (-1.1, -0.7))
    b.line("#140406", 0.07, (-0.88, 0.2), (-0.5, -0.35), (-0.55, -0.8))
    b.disc("#efe7e4", 0.15, -0.05, 0.48)
    b.shape(
        "#efe7e4",
        (-0.33, -0.05),
        (0.63, -0.05),
        (0.7, 0.95),
        (0.42, 0.75),
        (0.15, 0.95),
        (-0.12, 0.75),
        (-0.4, 0.95),
    )
    for x in (-0.02, 0.32):
        b.disc("#140406", x, -0.08, 0.1, 0.16)
    b.disc("#140406", 0.15, 0.25, 0.11, 0.18)


def _record(b: Brush) -> None:
    b.disc("#15101f", 0, 0.1, 1)
    for r in (0.86, 0.7, 0.54):
        b.arc("#4b4260", 0.02, 0, 0.1, r, 0, 360)
    b.disc("#19c7c1", 0, 0.1, 0.36)
    b.disc("#15101f", 0, 0.1, 0.06)
    b.line("#f5f0ff", 0.07, (0.95, -0.95), (1.0, -0.1), (0.62, 0.35))


def _stage(b: Brush) -> None:
    b.shape("#ffe9a8", (-0.15, -1.3), (0.15, -1.3), (0.75, 0.9), (-0.75, 0.9))
    b.disc("#fff7d6", 0, 0.9, 0.8, 0.16)
    b.disc("#2a0a1c", 0, -0.1, 0.15)
    b.shape("#2a0a1c", (-0.1, 0.05), (0.1, 0.05), (0.4, 0.85), (-0.4, 0.85))
    b.line("#2a0a1c", 0.08, (-0.45, -0.3), (0, 0.15), (0.45, -0.3))
    for side in (-1, 1):
        b.shape(
            "#c9142f",
            (side * 1.5, -1.4),
            (side * 0.6, -1.4),
            (side * 0.95, 0),
            (side * 0.8, 1.1),
            (side * 1.5, 1.1),
        )
        b.line("#8c0a20", 0.08, (side * 1.1, -1.4), (side * 1.2, 1.1))


def _magnifier(b: Brush) -> None:
    b.line("#d8a85c", 0.24, (0.4, 0.4), (1.0, 1.0))
    b.disc("#d8a85c", -0.1, -0.1, 0.78)
    b.disc("#bfeee6", -0.1, -0.1, 0.62)
    b.arc("#10403f", 0.15, -0.1, -0.22, 0.27, 170, 420)
    b.line("#10403f", 0.15, (0.0, 0.0), (-0.1, 0.1), (-0.1, 0.2))
    b.disc("#10403f", -0.1, 0.35, 0.09)


def _heart(b: Brush) -> None:
    b.shape("#d3124b", *((x * 1.0, y * 1.0) for x, y in _HEART))
    b.shape("#ff5d8f", *((x * 0.75, y * 0.75) for x, y in _HEART))
    b.disc("#ffd3e0", -0.36, -0.34, 0.14, 0.1)
    for x, y, size in ((-1.1, -0.9, 0.22), (1.1, 0.8, 0.26)):
        b.shape("#d3124b", *((x + hx * size, y + hy * size) for hx, hy in _HEART))


def _planet(b: Brush) -> None:
    for x, y in b.rng.uniform(-1.7, 1.7, (40, 2)):
        b.disc("#ffffff", x, y, b.rng.uniform(0.012, 0.035))
    ring = ((-1.35, 0.45), (-1.3, 0.58), (1.35, -0.35), (1.3, -0.5))
    b.disc("#27c4d9", 0, 0, 0.8)
    b.disc("#7de8ef", -0.22, -0.24, 0.42)
    b.shape("#e8f7ff", *ring)
    b.shape("#ff6a3d", (1.0, -1.3), (1.2, -0.95), (0.8, -0.95))
    b.box("#e8f7ff", 0.9, -1.05, 1.1, -0.7)


def _pitch_and_ball(b: Brush) -> None:
    for y in (0.55, 0.95):
        b.line("#eafbe6", 0.06, (-2.4, y), (2.4, y))
    b.disc("#ffffff", 0, 0, 0.75)
    b.star("#1c1c1c", 0, 0, 0.3, 0.24, 5)
    for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
        b.disc("#1c1c1c", float(0.62 * np.cos(angle)), float(0.62 * np.sin(angle)), 0.13)


def _watching_eye(b: Brush) -> None:
    b.shape("#e01b24", (-1.5, 1.3), (-1.15, 1.3), (1.5, -1.3), (1.15, -1.3))
    b.shape("#f2f2ee", *_mirrored([(0, -0.5), (0.5, -0.38), (1.05, 0), (0.5, 0.38), (0, 0.5)]))
    b.disc("#7a8894", 0, 0, 0.4)
    b.disc("#0a0a0a", 0, 0, 0.2)
    b.disc("#ffffff", -0.1, -0.12, 0.07)


def _tank(b: Brush) -> None:
    for x, y, r in ((0.95, -0.9, 0.35), (1.2, -0.6, 0.25), (0.65, -0.7, 0.25)):
        b.disc("#6b6450", x, y, r)
    b.line("#2b2e1c", 0.12, (0.1, -0.15), (1.2, -0.4))
    b.shape("#3b4025", (-0.6, 0.1), (-0.45, -0.4), (0.3, -0.4), (0.45, 0.1))
    b.shape("#4b5230", (-1.15, 0.1), (1.05, 0.1), (1.2, 0.5), (-1.2, 0.5))
    b.shape("#1f2114", (-1.2, 0.5), (1.2, 0.5), (0.9, 0.95), (-0.9, 0.95))
    for x in np.linspace(-0.8, 0.8, 5):
        b.disc("#6e744d", float(x), 0.7, 0.15)


def _cactus_at_sunset(b: Brush) -> None:
    b.disc("#ffe06b", -0.3, -0.15, 0.85)
    b.shape("#7c2d12", (-1.6, 0.95), (-1.4, 0.2), (-0.75, 0.2), (-0.55, 0.95))
    b.line("#1f4d2b", 0.26, (0.55, 1), (0.55, -0.75))
    b.disc("#1f4d2b", 0.55, -0.75, 0.13)
    b.line("#1f4d2b", 0.2, (0.55, 0.3), (0.05, 0.3), (0.05, -0.25))
    b.line("#1f4d2b", 0.2, (0.55, 0.1), (1.0, 0.1), (1.0, -0.4))
    b.disc("#1f4d2b", 0.05, -0.25, 0.1)
    b.disc("#1f4d2b", 1.0, -0.4, 0.1)


MOTIFS: dict[str, Callable[[Brush], None]] = {
    "Action": _explosion,
    "Adventure": _sailing_ship,
    "Animation": _round_creature,
    "Biography": _portrait,
    "Comedy": _joker,
    "Crime": _night_city,
    "Documentary": _film_strip,
    "Drama": _umbrella_in_rain,
    "Family": _house,
    "Fantasy": _castle,
    "History": _temple,
    "Horror": _ghost_under_moon,
    "Music": _record,
    "Musical": _stage,
    "Mystery": _magnifier,
    "Romance": _heart,
    "Sci-Fi": _planet,
    "Sport": _pitch_and_ball,
    "Thriller": _watching_eye,
    "War": _tank,
    "Western": _cactus_at_sunset,
}
