"""Look-ups on a site like Danbooru: the post of a file by its MD5.

See https://danbooru.donmai.us/wiki_pages/help:api.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from booru_tagger.boorus.http import Server
from booru_tagger.errors import RemoteError


class Danbooru:
    """A site with Danbooru's API, which is only asked. Methods raise :class:`RemoteError`."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def post_of(self, md5: str) -> Mapping[str, Any] | None:
        """The post whose file has this MD5 (32 hexadecimal digits); ``None`` where there is none."""
        path = "/posts.json"
        posts = self.server.get_json(path, {"tags": f"md5:{md5}", "limit": "1"})
        if not isinstance(posts, list) or not all(isinstance(post, Mapping) for post in posts):
            raise RemoteError(
                f"{self.server.url}{path}: the answer is no list of posts; is that the address?"
            )
        return posts[0] if posts else None
