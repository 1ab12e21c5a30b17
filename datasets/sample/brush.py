"""The brush for the sample's motifs, in units relative to their size."""

from dataclasses import dataclass

import numpy as np
from PIL import ImageColor, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Brush:
    """Drawing tool in units of `size` pixels around the pixel (`x`, `y`).

    `tint` multiplies red, green and blue of every colour; `rng` is for motifs with random parts.
    """

    canvas: ImageDraw.ImageDraw
    x: float
    y: float
    size: float
    tint: tuple[float, float, float]
    rng: np.random.Generator

    def colour(self, code: str) -> Colour:
        """Return the tinted colour of a hex code such as `#ffcc00`."""
        red, green, blue = ImageColor.getrgb(code)[:3]
        r, g, b = self.tint
        return min(255, int(red * r)), min(255, int(green * g)), min(255, int(blue * b))

    def _at(self, x: float, y: float) -> Point:
        return self.x + x * self.size, self.y + y * self.size

    def shape(self, code: str, *points: Point) -> None:
        """Draw a filled polygon."""
        self.canvas.polygon([self._at(*point) for point in points], fill=self.colour(code))

    def box(self, code: str, left: float, top: float, right: float, bottom: float) -> None:
        """Draw a filled rectangle."""
        self.canvas.rectangle((*self._at(left, top), *self._at(right, bottom)), fill=self.colour(code))

    def disc(self, code: str, x: float, y: float, rx: float, ry: float | None = None) -> None:
        """Draw a filled circle, or an ellipse when `ry` is given."""
        ry = rx if ry is None else ry
        self.canvas.ellipse((*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)), fill=self.colour(code))

    def line(self, code: str, width: float, *points: Point) -> None:
        """Draw a line through the points, `width` in units too."""
        pixels = max(1, round(width * self.size))
        self.canvas.line([self._at(*p) for p in points], fill=self.colour(code), width=pixels, joint="curve")

    def arc(self, code: str, width: float, x: float, y: float, r: float, start: float, end: float) -> None:
        """Draw an arc from `start` to `end` degrees, clockwise from three o'clock."""
        corners = (*self._at(x - r, y - r), *self._at(x + r, y + r))
        self.canvas.arc(corners, start, end, fill=self.colour(code), width=max(1, round(width * self.size)))

    def dome(self, code: str, x: float, y: float, r: float) -> None:
        """Draw the upper half of a circle, filled."""
        corners = (*self._at(x - r, y - r), *self._at(x + r, y + r))
        self.canvas.pieslice(corners, 180, 360, fill=self.colour(code))

    def star(self, code: str, x: float, y: float, outer: float, inner: float, points: int) -> None:
        """Draw a star with `points` rays, the first one up."""
        angles = np.pi * np.arange(2 * points) / points - np.pi / 2
        radii = np.where(np.arange(2 * points) % 2, inner, outer)
        corners = zip(x + radii * np.cos(angles), y + radii * np.sin(angles), strict=True)
        self.shape(code, *((float(px), float(py)) for px, py in corners))
