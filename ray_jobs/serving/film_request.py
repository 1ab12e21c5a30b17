"""A film in a request, as JSON or as a form, read within limits; whatever is wrong is an error of status 4xx."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from datasets.raw.rejects import POSTER_TOO_LARGE
from genre_models.predictors.films import Films, Size, read_films

JSON, FORM = "application/json", "multipart/form-data"
BAD_REQUEST, TOO_LARGE, UNSUPPORTED, UNPROCESSABLE = 400, 413, 415, 422
_LONGEST = 300  # characters of a message
_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


class FilmFields(BaseModel):
    """A film as JSON: a poster, an overview or both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    poster: str | None = Field(None, description="A JPEG, PNG, WebP, GIF or BMP in base64; a data: URL will do.")
    overview: str | None = Field(None, description="The film's overview, a text.")
    explain: bool = Field(False, description="Whether to explain the answer: slower.")


@dataclass(frozen=True)
class FilmRequest:
    """A film as received."""

    poster: bytes | None
    """The poster's file."""
    overview: str
    """Empty without one."""
    explain: bool


async def read_request(request: Request, *, max_characters: int) -> FilmRequest:
    """Read the film of a request. The size of the body is limited elsewhere.

    Raises:
        HTTPException: it is malformed, of another content type, or its overview too long.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if encoding := request.headers.get("content-encoding", "").strip():
        raise HTTPException(UNSUPPORTED, f"the body is encoded as {encoding!r:.40}: send it as it is")
    if kind == JSON:
        film = _from_json(await request.body())
    elif kind == FORM:
        film = await _from_form(request)
    else:
        raise HTTPException(UNSUPPORTED, f"the content type is {kind!r:.80}: send {JSON} or {FORM}")
    if len(film.overview) > max_characters:
        raise HTTPException(
            TOO_LARGE, f"the overview has {len(film.overview):,} characters; at most {max_characters:,} are read"
        )
    return film


def _from_json(body: bytes) -> FilmRequest:
    try:
        fields = FilmFields.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        status = BAD_REQUEST if first["type"] == "json_invalid" else UNPROCESSABLE
        raise HTTPException(status, f"{where or 'the body'}: {first['msg']}"[:_LONGEST]) from None
    poster = _decoded(fields.poster) if fields.poster else None
    return FilmRequest(poster, fields.overview or "", fields.explain)


def _decoded(text: str) -> bytes:
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise HTTPException(UNPROCESSABLE, "poster: a data: URL must hold base64")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise HTTPException(UNPROCESSABLE, "poster: not base64; in JSON a poster is its file in base64") from None


async def _from_form(request: Request) -> FilmRequest:
    async with request.form(max_files=1, max_fields=8) as form:
        if unknown := sorted(set(form) - set(FilmFields.model_fields)):
            raise HTTPException(
                UNPROCESSABLE, f"{unknown[0]!r:.80}: no such field; a form has poster, overview, explain"
            )
        if repeated := [name for name in form if len(form.getlist(name)) > 1]:
            raise HTTPException(UNPROCESSABLE, f"{repeated[0]}: given more than once; a request is of one film")
        poster, overview, explain = (form.get(name) or "" for name in FilmFields.model_fields)
        if not isinstance(overview, str) or not isinstance(explain, str):
            raise HTTPException(UNPROCESSABLE, "overview and explain are texts, and no files")
        # A browser sends an empty text or an empty file where none was chosen.
        if isinstance(poster, str) and poster:
            raise HTTPException(UNPROCESSABLE, "poster: a text; in a form a poster is a file")
        data = await poster.read() if isinstance(poster, UploadFile) else b""
    if explain.lower() not in _YES + _NO:
        raise HTTPException(UNPROCESSABLE, f"explain: {explain!r:.40}; give true or false")
    return FilmRequest(data or None, overview, explain.lower() in _YES)


def decode_film(request: FilmRequest, sizes: Collection[Size], max_pixels: int) -> Films:
    """Decode the poster to each size and clean the overview, as `Model.predict` does; return one film.

    Raises:
        HTTPException: the poster is no picture, or a corrupt or too large one.
    """
    film, unusable = read_films([request.poster], [request.overview], sizes=sizes, max_pixels=max_pixels)
    if unusable:
        status = TOO_LARGE if unusable[0].startswith(POSTER_TOO_LARGE) else UNPROCESSABLE
        raise HTTPException(status, unusable[0][:_LONGEST])
    return film


def together(films: Sequence[Films]) -> Films:
    """Return films, each decoded by itself, as one table."""
    sizes = films[0].posters
    return Films(
        [overview for film in films for overview in film.overviews],
        {size: np.concatenate([film.posters[size] for film in films]) for size in sizes},
        np.concatenate([film.has_poster for film in films]),
    )
