"""Every request's frame: the limit of its body, its counters, and the headers of its answer."""

from __future__ import annotations

import time
from collections.abc import Collection

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ray_jobs.serving.film_request import BAD_REQUEST, TOO_LARGE
from ray_jobs.serving.service_metrics import ServiceMetrics

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Frame:
    """ASGI middleware around the service."""

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics, max_body_bytes: int, paths: Collection[str]) -> None:
        """Wrap an application.

        Args:
            app: the application.
            metrics: counters.
            max_body_bytes: a longer body is refused, by its header or as soon as it has grown too long.
            paths: paths that are counted by themselves; all others count as one.
        """
        self._app, self._metrics, self._most, self._paths = app, metrics, max_body_bytes, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        path = scope["path"] if scope["path"] in self._paths else "other"
        with self._metrics.in_progress.track_inprogress():
            try:
                if (refusal := self._refusal(scope)) is not None:
                    await refusal(scope, receive, send_with_headers)
                else:
                    await self._app(scope, self._limited(receive), send_with_headers)
            finally:
                self._metrics.requests.labels(path, str(status)).inc()
                self._metrics.seconds.labels(path).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Return the answer to a request whose header says that it is too long."""
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return JSONResponse({"error": "the header Content-Length is no number"}, BAD_REQUEST)
        if len(length) > 18 or int(length) > self._most:
            return JSONResponse({"error": self._too_large()}, TOO_LARGE, {"Connection": "close"})
        return None

    def _limited(self, receive: Receive) -> Receive:
        seen = 0

        async def receive_within_limit() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise HTTPException(TOO_LARGE, self._too_large())
            return message

        return receive_within_limit

    def _too_large(self) -> str:
        return f"the request is larger than {self._most / 1e6:g} MB"
