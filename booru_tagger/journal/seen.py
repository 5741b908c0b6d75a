"""What pictures were when they were looked at, so that one that changes meanwhile does not count as done."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from booru_tagger.files.stamps import NO_STAMP, Stamp, sha256_of, stamp_of
from booru_tagger.journal.values import WriteReport
from booru_tagger.types import Content

_MOST = 16_384


class SeenStamps:
    """The stamps of the last pictures that were asked about, by their keys."""

    def __init__(self) -> None:
        self._stamps: OrderedDict[bytes, Stamp] = OrderedDict()

    def remember(self, key: bytes, stamp: Stamp) -> None:
        """Keep the stamp from before the picture is read."""
        self._stamps[key] = stamp
        if len(self._stamps) > _MOST:
            self._stamps.popitem(last=False)

    def look_again(self, key: bytes, picture: Path) -> None:
        """Notice, right before the files are written, a picture that was replaced since it was looked at."""
        if self._stamps.get(key, NO_STAMP) not in (NO_STAMP, stamp_of(picture)):
            self._stamps[key] = NO_STAMP  # its tags are of the old content

    def tagged(
        self,
        picture: Path,
        key: bytes,
        reports: Sequence[tuple[bytes, str, WriteReport]],
        read: Content | None = None,
    ) -> tuple[Stamp, str | None]:
        """Stamp and hash of what was tagged; no stamp where that is not what stands there now.

        ``read`` is what was read from the picture when it was tagged.
        """
        seen, now = self._stamps.pop(key, None), stamp_of(picture)
        ours = [report.after_sha256 for target, _, report in reports if target == key and report.changed]
        if now is None or seen == NO_STAMP or (not ours and seen not in (None, now)):
            return NO_STAMP, None
        if read is not None and not ours and seen == now:  # it has not changed since before it was read
            return now, read.sha256
        content = sha256_of(picture)
        if not content or (ours and content != ours[-1]) or stamp_of(picture) != now:
            return NO_STAMP, None
        return now, content
