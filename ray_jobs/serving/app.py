"""The HTTP interface of a service: page, prediction, description, health and counters."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

from genre_models.report.serving.page import serving_page
from ray_jobs.serving.answers import Answer, Description, Problem, describe
from ray_jobs.serving.film_request import BAD_REQUEST, FORM, JSON, FilmFields, read_request
from ray_jobs.serving.middleware import Frame
from ray_jobs.serving.service import Service
from ray_jobs.serving.service_metrics import CONTENT_TYPE

_NOT_FOUND, _NOT_ALLOWED = 404, 405
_PATHS = {
    "/": "GET",
    "/predict": "POST",
    "/models": "GET",
    "/healthz": "GET",
    "/metrics": "GET",
    "/openapi.json": "GET",
}
_ABOUT = "The genres of a film, from its poster, its overview or both. Errors are one sentence, `error`."
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is malformed."},
    413: {"model": Problem, "description": "Body, poster or overview exceed a limit."},
    415: {"model": Problem, "description": "The body is neither JSON nor a form."},
    422: {"model": Problem, "description": "The film cannot be predicted as given."},
}


def build_app(service: Service) -> FastAPI:
    """Build the ASGI application of a service."""
    # FastAPI's own pages of documentation would fetch scripts from elsewhere.
    app = FastAPI(
        title="Film genres", description=_ABOUT, version=_version(), docs_url=None, redoc_url=None,
        openapi_url="/openapi.json",
    )  # fmt: skip
    description = describe(service.models, service.options)
    page = serving_page(description.model_dump())

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page)

    @app.post(
        "/predict", responses=_PROBLEMS, openapi_extra={"requestBody": _body()}, summary="Predict the genres of a film"
    )
    async def predict(request: Request) -> Answer:
        film = await read_request(request, max_characters=service.options.max_overview_characters)
        return await service.answer(film)

    @app.get("/models", summary="Models, genres, thresholds and limits")
    async def models() -> Description:
        return description

    @app.get("/healthz", summary="Whether the service answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response, summary="Counters in Prometheus' text format")
    async def metrics() -> Response:
        return Response(await service.metrics.text(), media_type=CONTENT_TYPE)

    _answer_errors(app)
    app.add_middleware(
        Frame, metrics=service.metrics, max_body_bytes=service.options.max_body_bytes, paths=_PATHS.keys()
    )
    return app


def _answer_errors(app: FastAPI) -> None:
    """Make every error one sentence of JSON."""

    @app.exception_handler(AnyHTTPException)
    async def refused(request: Request, error: AnyHTTPException) -> JSONResponse:
        text = str(error.detail)
        if not isinstance(error, HTTPException) and error.status_code == _NOT_FOUND:
            text = f"there is no {request.url.path!r:.80}; there are {', '.join(_PATHS)}"
        elif error.status_code == _NOT_ALLOWED:
            text = f"{request.url.path} takes {_PATHS.get(request.url.path, 'GET')}, not {request.method:.20}"
        return JSONResponse({"error": text}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        del request, error
        return JSONResponse({"error": "the request ended before its body was complete"}, BAD_REQUEST)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        del request, error
        return JSONResponse({"error": "the service failed; its log says why"}, 500)


def _body() -> dict[str, Any]:
    """Describe the body of a prediction for OpenAPI."""
    fields = FilmFields.model_json_schema()
    form = {
        "type": "object",
        "properties": {
            "poster": {"type": "string", "format": "binary", "description": "A JPEG, PNG, WebP, GIF or BMP file."},
            "overview": {"type": "string"},
            "explain": {"type": "boolean", "default": False},
        },
    }
    return {"required": True, "content": {JSON: {"schema": fields}, FORM: {"schema": form}}}


def _version() -> str:
    try:
        return importlib.metadata.version("film-genres")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "0"
