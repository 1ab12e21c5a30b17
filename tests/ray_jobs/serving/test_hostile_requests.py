"""Two hundred hostile requests, drawn from a seed: each is refused in a sentence, and none reaches a model."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from ray_jobs.serving.served_models import ServedModels
from tests.ray_jobs.serving.fake_models import FakePredictor, base64_of, client_of, picture

REQUESTS = 200
JSON, BOUNDARY = "application/json", "edge"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Hostile:
    """A request to send."""

    body: bytes = b""
    content_type: str | None = JSON
    method: str = "POST"
    path: str = "/predict"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(**film: Any) -> Hostile:
    return Hostile(json.dumps(film).encode())


def part(name: str, data: bytes, file: str | None = None) -> bytes:
    """Return a part of a form."""
    of_file = f'; filename="{file}"' if file is not None else ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'.encode() + data + b"\r\n"


def form(*parts: bytes) -> Hostile:
    return Hostile(b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), FORM)


def png_of(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says that it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    )


def draw_bad_picture(draw: random.Random) -> bytes:
    """Return bytes that are no picture, a part of one, or one that is too large."""
    noise = io.BytesIO()
    Image.frombytes("RGB", (60, 80), draw.randbytes(60 * 80 * 3)).save(
        noise, draw.choice(["JPEG", "PNG", "GIF", "BMP"])
    )
    whole = noise.getvalue()
    return draw.choice(
        [
            draw.randbytes(draw.randrange(1, 2_000)),
            whole[: draw.randrange(1, len(whole) // 2)],
            b"\xff\xd8\xff\xe1" + draw.randbytes(300),
            b"\x89PNG\r\n\x1a\n" + draw.randbytes(300),
            b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + draw.randbytes(50),
            png_of(draw.randrange(20_000, 2**31), draw.randrange(20_000, 2**31)),
            png_of(100, 100),  # with pixels for a tenth
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
            b"%PDF-1.7\n" + draw.randbytes(100),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            picture("TIFF"),
            zlib.compress(b"\0" * 100_000),
        ]
    )


def draw_json(draw: random.Random) -> Hostile:
    """Draw a body that is no JSON, or no film."""
    texts: list[bytes] = [
        b"", b"{", b"[]", b"null", b"1e999", b'"film"', b"{}", b'{"overview": "', b'{"overview": "\\ud800"}',
        b'{"overview": "\xff\xfe"}', b"[" * 100_000, b'{"a":' * 50_000, b'{"overview": ' + b"9" * 20_000 + b"}",
        b'{"overview": NaN}', b'{"overview": ["x"]}', b'{"overview": {"$ne": 1}}', b'{"overview": true}',
        b'{"overview": "x", "explain": "yes"}', b'{"overview": "x", "explain": 1}', b'{"__proto__": {}}',
        b'{"overview": "x", "overview ": "y"}', b'{"poster": 7}', b'{"poster": {"path": "/etc/passwd"}}',
        b'{"poster": "/etc/passwd"}', b'{"poster": "file:///etc/passwd"}', b'{"poster": "http://127.0.0.1:1/x.jpg"}',
        b'{"poster": "data:image/png,abc"}', b'{"poster": "data:"}', b'{"poster": "=="}', b'{"poster": "\xc3\xa9"}',
        b"\xef\xbb\xbf\x00{}", draw.randbytes(draw.randrange(1, 500)),
    ]  # fmt: skip
    return Hostile(draw.choice(texts), draw.choice([JSON, JSON, f"{JSON}; charset=utf-16", "APPLICATION/JSON"]))


def draw_form(draw: random.Random) -> Hostile:
    """Draw a broken form, or one that is no film."""
    good = form(part("overview", b"x"))
    return draw.choice(
        [
            lambda: Hostile(good.body, "multipart/form-data"),
            lambda: Hostile(good.body, "multipart/form-data; boundary="),
            lambda: Hostile(good.body, f"multipart/form-data; boundary={'b' * 300}"),
            lambda: Hostile(draw.randbytes(200), FORM),
            lambda: Hostile(b"", FORM),
            lambda: form(part("overview", b"x", file="../../etc/passwd")),
            lambda: form(part("poster", b"../../etc/passwd")),
            lambda: form(part("poster", picture(), "a.jpg"), part("poster", picture(), "b.jpg")),
            lambda: form(part("overview", b"x"), part("overview", b"y")),
            lambda: form(part("overview", b"x"), part(draw.randbytes(4).hex(), b"y")),
            lambda: form(*(part(f"f{i}", b"y") for i in range(50))),
            lambda: form(part("overview", b"x" * 30_000)),
            lambda: form(part("overview", b"x" * 1_200_000)),
            lambda: form(part("overview", b"x"), part("explain", b"maybe")),
            lambda: form(part("poster", draw_bad_picture(draw), "\u202egpj.exe")),
            lambda: Hostile(b"overview=x", "application/x-www-form-urlencoded"),
        ]
    )()


def draw_frame(draw: random.Random) -> Hostile:
    """Draw a request with a wrong method, path, type or header."""
    film = json.dumps({"overview": "x"}).encode()
    paths = [
        "/Predict",
        "/predict/../../etc/passwd",
        "/%00",
        "/predict%20",
        "/docs",
        "/admin",
        "/.env",
        "/" + "a" * 5_000,
    ]
    return draw.choice(
        [
            lambda: Hostile(film, method=draw.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"])),
            lambda: Hostile(film, path=draw.choice(paths)),
            lambda: Hostile(film, draw.choice([None, "", "text/plain", "image/jpeg", "\t;", "application/xml", "*/*"])),
            lambda: Hostile(zlib.compress(film), headers={"content-encoding": draw.choice(["gzip", "deflate", "zz"])}),
            lambda: Hostile(film, headers={"content-length": draw.choice(["-1", "abc", "1" * 30, "²", "0x10"])}),
            lambda: Hostile(b" " * 10_000_001),
        ]
    )()


def draw_film(draw: random.Random) -> Hostile:
    """Draw a film whose poster is unusable or whose overview is too long or empty."""
    bad = draw_bad_picture(draw)
    return draw.choice(
        [
            lambda: as_json(poster=base64_of(bad)),
            lambda: as_json(poster=base64_of(bad), overview="x"),
            lambda: form(part("poster", bad, "poster.jpg")),
            lambda: as_json(overview=draw.choice(["a ", "é", "\u202e", "😀", "\0"]) * 20_000),
            lambda: as_json(overview=draw.choice(["", " ", "\n\t", "\u2003"])),
        ]
    )()


DRAWS: tuple[Callable[[random.Random], Hostile], ...] = (draw_json, draw_form, draw_frame, draw_film)


def test_two_hundred_hostile_requests_are_refused() -> None:
    draw = random.Random(7)
    model = FakePredictor("Joint model")
    statuses: dict[int, int] = {}
    with client_of(ServedModels({"model": model}, "model")) as client:
        for number in range(REQUESTS):
            one = DRAWS[number % len(DRAWS)](draw)
            head = {**one.headers, **({"content-type": one.content_type} if one.content_type is not None else {})}
            raw = {name: value.encode("latin-1") for name, value in head.items()}
            response = client.request(one.method, one.path, content=one.body, headers=raw)
            shown = f"{number}: {one.method} {one.path[:60]} {head} {one.body[:80]!r}: {response.text[:200]}"
            assert 400 <= response.status_code < 500, shown
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            if one.method != "HEAD":
                error = response.json()["error"]
                assert error and "\n" not in error and len(error) <= 400 and "Traceback" not in error, shown
        assert model.batches == []
        assert client.post("/predict", json={"overview": "An overview."}).status_code == 200
    assert set(statuses) == {400, 404, 405, 413, 415, 422}
