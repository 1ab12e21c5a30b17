"""The sample's posters: a background, one or two motifs, a title and small print, as JPEG bytes.

The first genre sets the palette and the large motif, the second adds a small motif in a corner. A poster without a
genre has random colours and a plain object, as many real posters do.
"""

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from datasets.sample.brush import Brush
from datasets.sample.motifs import MOTIFS

WIDTH, HEIGHT = 300, 444
_FINE = 2  # Shapes are drawn at twice the size and reduced: Pillow draws without antialiasing.
_JPEG_QUALITY = 85
_PAPER = "#fffaf0"


class Palette(NamedTuple):
    """Hex colours of a poster: background top and bottom, ground, title band."""

    top: str
    bottom: str
    ground: str
    ink: str


_PALETTES: dict[str, Palette] = {
    "Action": Palette("#2b1a17", "#d9541e", "#150d0b", "#1c100c"),
    "Adventure": Palette("#7fd3e8", "#e9f6d2", "#0f7f8c", "#0b4f5c"),
    "Animation": Palette("#2fd0ff", "#b8f7ff", "#ffe02e", "#c2185b"),
    "Biography": Palette("#c9a66b", "#7a5a33", "#5b4023", "#3d2a15"),
    "Comedy": Palette("#fff1a6", "#ffc93c", "#ff9d2e", "#c22440"),
    "Crime": Palette("#1b2a4a", "#5d6f96", "#070b14", "#0b1020"),
    "Documentary": Palette("#f0efe9", "#a7a7a2", "#6f6f6b", "#2b2b2b"),
    "Drama": Palette("#56687a", "#a9b5bd", "#39444e", "#28313a"),
    "Family": Palette("#8fd0ff", "#e6f6ff", "#6cc04a", "#2a6bb0"),
    "Fantasy": Palette("#3c1d73", "#b06be0", "#2a7f6b", "#2a1252"),
    "History": Palette("#ecd9a8", "#c79a58", "#8a6230", "#5f3d1a"),
    "Horror": Palette("#12020a", "#7d0b12", "#0a0103", "#1a0205"),
    "Music": Palette("#3a1263", "#c42a8f", "#1a0930", "#1f0a3a"),
    "Musical": Palette("#4a0a26", "#8c1a3f", "#3a0618", "#5c0a20"),
    "Mystery": Palette("#0b2b30", "#2f6f6c", "#06191c", "#082226"),
    "Romance": Palette("#ffc4d6", "#ff8fb0", "#ffe3ea", "#b3174f"),
    "Sci-Fi": Palette("#04061c", "#1d2a75", "#0a0e33", "#0a1250"),
    "Sport": Palette("#9fe08a", "#2f9e3f", "#1f7a30", "#0f4d20"),
    "Thriller": Palette("#0a0a0c", "#4a4d52", "#050506", "#8f1219"),
    "War": Palette("#b3a878", "#7a7148", "#4d4a2c", "#2f2e1b"),
    "Western": Palette("#f2601d", "#ffc15e", "#9c4a1a", "#6b2a0c"),
}


def _tree(b: Brush) -> None:
    b.box("#6b4a2f", -0.12, 0.1, 0.12, 1)
    for x, y, r in ((-0.4, 0, 0.45), (0.4, 0, 0.45), (0, -0.4, 0.55)):
        b.disc("#6f8f6a", x, y, r)


def _door(b: Brush) -> None:
    b.box("#efe7da", -0.6, -0.95, 0.6, 1)
    b.box("#7d6a8a", -0.48, -0.83, 0.48, 1)
    b.disc("#efe7da", 0.32, 0.1, 0.08)


def _lighthouse(b: Brush) -> None:
    b.shape("#f1ede6", (-0.25, -0.6), (0.25, -0.6), (0.42, 1), (-0.42, 1))
    b.box("#a9626a", -0.3, -0.15, 0.3, 0.1)
    b.box("#a9626a", -0.36, 0.42, 0.36, 0.68)
    b.box("#e9d9a0", -0.2, -0.85, 0.2, -0.6)
    b.shape("#a9626a", (-0.3, -0.85), (0, -1.15), (0.3, -0.85))


def _teapot(b: Brush) -> None:
    b.arc("#dce6e4", 0.13, 0.75, 0.05, 0.38, -100, 100)
    b.shape("#dce6e4", (-0.6, 0.3), (-1.2, -0.4), (-0.98, -0.45), (-0.5, 0))
    b.disc("#dce6e4", 0, 0.15, 0.8, 0.68)
    b.disc("#8796a0", 0, -0.45, 0.42, 0.14)
    b.disc("#8796a0", 0, -0.64, 0.12)


def _balloon(b: Brush) -> None:
    b.shape("#c9a88a", (-0.6, 0), (0.6, 0), (0.15, 0.7), (-0.15, 0.7))
    b.disc("#c9a88a", 0, -0.3, 0.72)
    b.disc("#efe3d3", 0, -0.3, 0.3, 0.72)
    b.box("#5f4a3c", -0.16, 0.75, 0.16, 1)


def _goose(b: Brush) -> None:
    b.line("#d08a4a", 0.07, (-0.05, 0.6), (-0.05, 1))
    b.line("#d08a4a", 0.07, (0.2, 0.6), (0.2, 1))
    b.disc("#f3f0ea", 0.1, 0.35, 0.62, 0.4)
    b.shape("#f3f0ea", (0.4, 0.2), (1, -0.05), (0.65, 0.5))
    b.line("#f3f0ea", 0.24, (-0.35, 0.3), (-0.5, -0.6))
    b.disc("#f3f0ea", -0.52, -0.68, 0.2)
    b.shape("#d08a4a", (-0.68, -0.76), (-1.02, -0.62), (-0.68, -0.58))
    b.disc("#2a2a2a", -0.58, -0.73, 0.04)


_PLAIN: tuple[Callable[[Brush], None], ...] = (_tree, _door, _lighthouse, _teapot, _balloon, _goose)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's embedded font: the same everywhere with the same Pillow.

    Raises:
        RuntimeError: when this Pillow was built without FreeType.
    """
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow has no FreeType support; install the pillow wheel from PyPI.")
    return font


def _any_palette(rng: np.random.Generator) -> Palette:
    """Sample muted colours of one hue, for a poster without a genre."""
    hue, saturation = int(rng.integers(360)), int(rng.integers(15, 55))
    values = (int(rng.integers(40, 85)), int(rng.integers(40, 85)), 35, 22)
    codes = ["#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(f"hsv({hue},{saturation}%,{v}%)")) for v in values]
    return Palette(*codes)


def _background(brush: Brush, palette: Palette) -> Image.Image:
    """Return a vertical gradient of [HEIGHT, WIDTH] times the drawing scale, with random steepness."""
    share = np.linspace(0, 1, HEIGHT)[:, None] ** brush.rng.uniform(0.6, 1.7)
    top, bottom = (np.array(brush.colour(code), float) for code in (palette.top, palette.bottom))
    column = (top + (bottom - top) * share).astype(np.uint8)[:, None, :]
    return Image.fromarray(column).resize((WIDTH * _FINE, HEIGHT * _FINE), Image.Resampling.NEAREST)


def _ground(brush: Brush, palette: Palette, horizon: float) -> None:
    """Draw rolling ground from `horizon` (a share of the height) to the lower edge."""
    steps = np.linspace(0, 1, 24)
    waves = brush.rng.uniform(0, 0.025) * np.sin(brush.rng.uniform(3, 9) * steps + brush.rng.uniform(0, 6))
    edge = [(float(x), float(y)) for x, y in zip(steps, (horizon + waves) * HEIGHT / WIDTH, strict=True)]
    brush.shape(palette.ground, *edge, (1, HEIGHT / WIDTH), (0, HEIGHT / WIDTH))


def _paint(shown: Sequence[str], palette: Palette, title_on_top: bool, rng: np.random.Generator) -> Image.Image:
    """Return the poster without its lettering, RGB of [HEIGHT, WIDTH]."""
    tint = tuple(float(gain) for gain in rng.uniform(0.9, 1.1, 3) * rng.uniform(0.88, 1.1))
    jitter = (tint[0], tint[1], tint[2])
    plain = Image.new("RGB", (1, 1))
    picture = _background(Brush(ImageDraw.Draw(plain), 0, 0, 1, jitter, rng), palette)
    canvas, wide, high = ImageDraw.Draw(picture), WIDTH * _FINE, HEIGHT * _FINE
    middle = rng.uniform(0.5, 0.6) if title_on_top else rng.uniform(0.34, 0.44)
    size = rng.uniform(0.27, 0.38)
    whole = Brush(canvas, 0, 0, wide, jitter, rng)
    _ground(whole, palette, middle + 0.8 * size * WIDTH / HEIGHT)
    x = rng.uniform(0.38, 0.62)
    large = MOTIFS[shown[0]] if shown else _PLAIN[int(rng.integers(len(_PLAIN)))]
    large(Brush(canvas, x * wide, middle * high, size * wide, jitter, rng))
    if len(shown) > 1:
        corner = rng.uniform(0.78, 0.84) if x < 0.5 else rng.uniform(0.16, 0.22)
        height = middle + rng.uniform(0.14, 0.2)
        small = rng.uniform(0.17, 0.21)
        MOTIFS[shown[1]](Brush(canvas, corner * wide, height * high, small * wide, jitter, rng))
    return picture.reduce(_FINE)


def _wrapped(title: str) -> list[str]:
    """Return the title in capitals, a long one as two lines of similar length."""
    words = title.upper().split()
    if len(title) < 13 or len(words) == 1:
        return [" ".join(words)]
    splits = [(" ".join(words[:k]), " ".join(words[k:])) for k in range(1, len(words))]
    return list(min(splits, key=lambda lines: max(len(line) for line in lines)))


def _title_block(picture: Image.Image, title: str, ink: str, title_on_top: bool, banded: bool) -> None:
    """Draw the title as large as it fits: light on a band or dark background, else in ink."""
    draw, lines = ImageDraw.Draw(picture), _wrapped(title)
    widest = max(_font(40).getlength(line) for line in lines)
    size = max(18, min(46, int(40 * 268 / widest)))
    step = int(size * 1.05)
    top = 24 if title_on_top else HEIGHT - 44 - step * len(lines)
    block = (0, top - 9, WIDTH, top + step * len(lines) + 9)
    if banded:
        draw.rectangle(block, fill=ink)
    light = not banded and np.asarray(picture.crop(block).convert("L")).mean() > 150
    for number, line in enumerate(lines):
        x, y = WIDTH / 2, top + step * (number + 0.5)
        if not banded and not light:
            draw.text((x + 2, y + 2), line, font=_font(size), fill=ink, anchor="mm")
        draw.text((x, y), line, font=_font(size), fill=ink if light else _PAPER, anchor="mm")


def _small_print(picture: Image.Image, credit: str, ink: str) -> None:
    """Draw one line on a strip along the lower edge."""
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, HEIGHT - 26, WIDTH, HEIGHT), fill=ink)
    draw.text((WIDTH / 2, HEIGHT - 13), credit, font=_font(11), fill="#e9e2d4", anchor="mm")


def draw_poster(shown: Sequence[str], title: str, credit: str, rng: np.random.Generator) -> bytes:
    """Draw one poster, JPEG of 300 by 444 pixels (width by height), RGB.

    Args:
        shown: the genres to show: the first sets palette and large motif, the second adds a small one, more are
            ignored; none gives a plain poster.
        title: the film's title, up to about 30 characters.
        credit: one line of small print.
        rng: the random generator.

    Raises:
        KeyError: when a genre has no motif (N/A, News, Reality-TV and Short have none).
    """
    palette = _PALETTES[shown[0]] if shown else _any_palette(rng)
    title_on_top, banded = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    picture = _paint(shown, palette, title_on_top, rng)
    _title_block(picture, title, palette.ink, title_on_top, banded)
    _small_print(picture, credit, palette.ink)
    if rng.random() < 0.25:
        ImageDraw.Draw(picture).rectangle((7, 7, WIDTH - 8, HEIGHT - 34), outline=_PAPER, width=2)
    file = BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()
