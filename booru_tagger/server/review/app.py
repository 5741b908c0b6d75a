"""The review page's addresses. Handlers are plain functions that Starlette runs in its threads."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from booru_tagger.errors import BooruTaggerError, DataError
from booru_tagger.review.face_cache import FaceCache
from booru_tagger.server.review.again import SecondLook
from booru_tagger.server.review.details import details, stranger_groups
from booru_tagger.server.review.guard import Guard
from booru_tagger.server.review.images import CacheWarmer, FaceImages
from booru_tagger.server.review.portraits import NOBODY, Portraits
from booru_tagger.server.review.session import ReviewSession
from booru_tagger.server.review.teaching import teach, teachable
from booru_tagger.types import Box

PAGE = {
    "index.html": "text/html; charset=utf-8",
    "review.css": "text/css; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "background.js": "text/javascript; charset=utf-8",
    "boxes.js": "text/javascript; charset=utf-8",
    "controls.js": "text/javascript; charset=utf-8",
    "enrolling.js": "text/javascript; charset=utf-8",
    "messages.js": "text/javascript; charset=utf-8",
    "faces.js": "text/javascript; charset=utf-8",
    "names.js": "text/javascript; charset=utf-8",
    "panel.js": "text/javascript; charset=utf-8",
    "state.js": "text/javascript; charset=utf-8",
}
"""The files of the page; there are no others."""

MAX_FACES = 20_000
"""Faces in one request at most."""
_FOREVER = "private, max-age=31536000, immutable"
"""For pictures: their addresses name the session, so what one stands for never changes."""


def make_app(
    session: ReviewSession,
    face_cache: FaceCache,
    *,
    port: int,
    key: str,
    more: Callable[[], None] = lambda: None,
) -> Starlette:
    """The application. ``more`` runs in the background once :class:`CacheWarmer` is done."""
    images = FaceImages(session, face_cache)
    handlers = _Handlers(session, images, CacheWarmer(session, images, more), version=key[:8])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        handlers.warming.start()
        try:
            yield
        finally:
            handlers.warming.stop()
            handlers.second_look.stop()

    return Starlette(
        routes=handlers.routes(),
        middleware=[Middleware(Guard, port=port, key=key)],
        lifespan=lifespan,
        exception_handlers={
            BooruTaggerError: lambda request, error: JSONResponse({"error": str(error)}, 409),
            KeyError: lambda request, error: JSONResponse(
                {"error": "nothing has this address or number"}, 404
            ),
        },
    )


class _Handlers:
    def __init__(
        self, session: ReviewSession, images: FaceImages, warming: CacheWarmer, version: str
    ) -> None:
        self.session = session
        self.images = images
        self.warming = warming
        self.version = version
        self.portraits = Portraits(session, images)
        self.second_look = SecondLook(session)

    def routes(self) -> list[Route]:
        def changing(path: str, work: Callable[[dict[str, Any]], Any]) -> Route:
            async def handler(request: Request) -> Response:
                body = _body(await request.body())
                return JSONResponse(await run_in_threadpool(work, body))

            return Route(path, handler, methods=["POST"])

        return [
            Route("/", self.page),
            Route("/page/{name}", self.page),
            Route("/api/session", self.overview),
            Route("/api/progress", self.progress),
            Route("/api/face/{number:int}", self.face),
            Route("/api/strangers", self.strangers),
            Route("/face/{number:int}.jpg", self.thumbnail),
            Route("/large/{number:int}.jpg", self.large),
            Route("/picture/{number:int}.jpg", self.picture),
            Route("/portrait", self.portrait),
            changing("/api/verdict", self.decide),
            changing("/api/clear", self.clear),
            changing("/api/box", self.draw),
            changing("/api/undo", self.undo),
            changing("/api/teach", self.teach),
            changing("/api/again", self.again),
        ]

    def page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        data = files("booru_tagger.server.review").joinpath("page", name) if name in PAGE else None
        if data is None:
            raise KeyError(name)
        return Response(data.read_bytes(), media_type=PAGE[name], headers={"cache-control": "no-cache"})

    def overview(self, request: Request) -> Response:
        session, trained = self.session, self.session.trained
        with session.lock:
            pictures = [picture for picture in session.pictures.values() if picture.listed]
            faces = [head.to_json() for head in session.heads.values() if head.listed]
        return JSONResponse(
            {
                "version": self.version,
                "pictures": [
                    [picture.id, str(picture.path.parent), picture.path.name] for picture in pictures
                ],
                "faces": faces,
                "names": [[tag, series, tag in trained] for tag, series in session.names().items()],
                "gallery": session.tools.gallery is not None,
                **self._state(),
            }
        )

    def _state(self) -> dict[str, Any]:
        return {
            "undo": self.session.steps,
            "teachable": {tag: len(heads) for tag, heads in teachable(self.session).items()},
            "cut": [self.warming.done, self.warming.total],
            "again": self.second_look.to_json(),
        }

    def progress(self, request: Request) -> Response:
        return JSONResponse(self._state())

    def face(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        head = self.session.head(number)
        if head.embedding is None:
            with contextlib.suppress(BooruTaggerError):  # without the picture, the rest is still known
                self.images.cut(head.picture)
        return JSONResponse(details(self.session, number))

    def thumbnail(self, request: Request) -> Response:
        return _jpeg(self.images.thumbnail(int(request.path_params["number"])))

    def large(self, request: Request) -> Response:
        return _jpeg(self.images.large(int(request.path_params["number"])))

    def picture(self, request: Request) -> Response:
        return _jpeg(self.images.whole(int(request.path_params["number"])))

    def strangers(self, request: Request) -> Response:
        return JSONResponse({"groups": stranger_groups(self.session)})

    def portrait(self, request: Request) -> Response:
        """A face of the character ``tag``, or the outline of one."""
        jpeg = self.portraits.of(request.query_params.get("tag", ""))
        kind = "image/svg+xml" if jpeg is None else "image/jpeg"
        return Response(jpeg or NOBODY, media_type=kind, headers={"cache-control": "no-cache"})

    def decide(self, body: dict[str, Any]) -> dict[str, Any]:
        kind, tag = body.get("kind"), body.get("tag", "")
        if kind not in ("named", "unknown", "not_a_face") or not isinstance(tag, str):
            raise DataError("a verdict must be 'named' (with a 'tag'), 'unknown' or 'not_a_face'")
        return self.session.decide(_numbers(body), kind, tag).to_json() | self._state()

    def clear(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.session.clear(_numbers(body)[0]).to_json() | self._state()

    def draw(self, body: dict[str, Any]) -> dict[str, Any]:
        box = body.get("box")
        if not (isinstance(box, list) and len(box) == 4 and all(_is_number(side) for side in box)):
            raise DataError("a box must be four numbers: left, top, right, bottom")
        number = body.get("picture")
        if not isinstance(number, int):
            raise DataError("say which picture the box is in")
        return self.session.draw(number, Box(*map(float, box))).to_json() | self._state()

    def undo(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.session.undo().to_json() | self._state()

    def teach(self, body: dict[str, Any]) -> dict[str, Any]:
        confirmed = body.get("confirm", False)
        if not isinstance(confirmed, bool):
            raise DataError("'confirm' must be true or false")
        return teach(self.session, self.images, _tags(body), confirmed=confirmed) | self._state()

    def again(self, body: dict[str, Any]) -> dict[str, Any]:
        """Look for characters that were just enrolled."""
        self.second_look.start(_tags(body) or ())
        return self._state()


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise DataError("expected a JSON object")
    return body


def _numbers(body: dict[str, Any]) -> list[int]:
    numbers = body.get("faces")
    if not isinstance(numbers, list) or not 0 < len(numbers) <= MAX_FACES:
        raise DataError("'faces' must be a list of face numbers")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise DataError("'faces' must be a list of whole numbers")
    return numbers


def _tags(body: dict[str, Any]) -> list[str] | None:
    tags = body.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise DataError("'tags' must be a list of names")
    return tags


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"cache-control": _FOREVER})
