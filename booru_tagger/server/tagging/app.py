"""The addresses of the tagging server. Handlers are plain functions of a request."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from booru_tagger.errors import BooruTaggerError, TooLargeImageError
from booru_tagger.server.tagging.answers import caption, evaluation
from booru_tagger.server.tagging.forms import Upload, read_encoded, read_form, read_json
from booru_tagger.server.tagging.gate import Gate
from booru_tagger.server.tagging.metrics import CONTENT_TYPE, Metrics
from booru_tagger.server.tagging.openapi import document
from booru_tagger.server.tagging.page import page
from booru_tagger.server.tagging.pool import BusyError, LateError, Pool, RequestLimits
from booru_tagger.tagging.failures import attempt
from booru_tagger.types import PictureError, TagResult

RETRY_SECONDS = 2
TagBytes = Callable[[bytes, str], TagResult]


def make_app(
    tag: TagBytes,
    bounds: RequestLimits,
    *,
    model: str,
    token: str | None = None,
    log: Callable[[str], None] | None = None,
) -> Starlette:
    """The application. ``tag`` takes an encoded picture and its name, and may be called from threads.

    ``model`` is the name that clients see; with ``token`` every request but that for health must carry it.
    ``log`` is given a line for each request.
    """
    pool = Pool(bounds)
    metrics = Metrics(lambda: pool.held)
    handlers = _Handlers(tag, bounds, pool, metrics, model)
    routes = handlers.routes()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            pool.close()

    known_paths = frozenset(route.path for route in routes)
    gate = Middleware(Gate, bounds=bounds, metrics=metrics, token=token, known_paths=known_paths, log=log)
    return Starlette(
        routes=routes,
        middleware=[gate],
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _refused,
            BusyError: _busy,
            LateError: _busy,
            BooruTaggerError: _broken,
        },
    )


def _error(kind: str, message: str, status: int, **headers: str) -> JSONResponse:
    return JSONResponse({"error": kind, "message": message}, status, headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": "request", "message": error.detail}, error.status_code, headers=dict(error.headers or {})
    )


def _busy(request: Request, error: Exception) -> Response:
    kind = error.kind if isinstance(error, BooruTaggerError) else "busy"
    return _error(kind, str(error), 503, **{"Retry-After": str(RETRY_SECONDS)})


def _unusable(error: PictureError) -> Response:
    """For protocols that have one answer for a whole request."""
    statuses = {TooLargeImageError.kind: 413, BooruTaggerError.kind: 500}
    return _error(error.kind, error.message, statuses.get(error.kind, 422))


def _broken(request: Request, error: Exception) -> Response:
    kind = error.kind if isinstance(error, BooruTaggerError) else "error"
    return _error(kind, str(error), 500)


@dataclass(frozen=True, slots=True)
class _Handlers:
    tag: TagBytes
    bounds: RequestLimits
    pool: Pool
    metrics: Metrics
    model: str

    def routes(self) -> list[Route]:
        return [
            Route("/", self.page),
            Route("/evaluate", self.evaluate, methods=["POST"]),
            Route("/v1/tag", self.tag_files, methods=["POST"]),
            Route("/tagger/v1/interrogate", self.interrogate, methods=["POST"]),
            Route("/tagger/v1/interrogators", self.interrogators),
            Route("/tagger/v1/unload-interrogators", self.unload, methods=["POST"]),
            Route("/healthz", self.health),
            Route("/metrics", self.count),
            Route("/openapi.json", self.describe),
        ]

    async def page(self, request: Request) -> Response:
        return HTMLResponse(page())

    async def evaluate(self, request: Request) -> Response:
        """danbooru/autotagger's protocol: one item for each file, tags by falling score."""
        wishes = await read_form(request, self.bounds)
        results = await self._results(wishes.uploads)
        for result in results:
            if result.error is not None:
                return _unusable(result.error)
        items = [evaluation(result, wishes) for result in results]
        return JSONResponse(items) if wishes.form == "json" else HTMLResponse(page(items))

    async def tag_files(self, request: Request) -> Response:
        """Our own: the stable JSON of `booru-tagger tag --format jsonl`, one object for each picture."""
        if request.headers.get("content-type", "").startswith("application/json"):
            wishes = read_encoded(await read_json(request))
        else:
            wishes = await read_form(request, self.bounds, "json")
        return JSONResponse([result.to_json() for result in await self._results(wishes.uploads)])

    async def interrogate(self, request: Request) -> Response:
        """The SD-webui tagger's protocol."""
        body = await read_json(request)
        model = body.get("model") or self.model
        if model != self.model:
            raise HTTPException(404, f"there is no such model here; known: {self.model}")
        wishes = read_encoded(body)
        result = (await self._results(wishes.uploads))[0]
        if result.error is not None:
            return _unusable(result.error)
        return JSONResponse({"caption": caption(result, wishes.threshold)})

    async def interrogators(self, request: Request) -> Response:
        return JSONResponse({"models": [self.model]})

    async def unload(self, request: Request) -> Response:
        return JSONResponse("The model stays loaded: it is what this server is for.")

    async def health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def count(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    async def describe(self, request: Request) -> Response:
        return JSONResponse(document(self.bounds, self.model))

    async def _results(self, uploads: tuple[Upload, ...]) -> list[TagResult]:
        return await self.pool.run([functools.partial(self._attempt, upload) for upload in uploads])

    def _attempt(self, upload: Upload) -> TagResult:
        """In a thread. One bad picture does not spoil the others of its request."""
        result = attempt(functools.partial(self.tag, upload.data, upload.name), upload.name)
        self.metrics.tagged(result.error is not None)
        return result
