"""A writer from outside: ``a.png.csv`` with one ``tag;category;score`` to a line."""

from booru_tagger.writers import Job, Revision, Sidecar, merge_job, take_out


class CsvWriter(Sidecar):
    name, extension = "csv", ".csv"

    def tags(self, content: bytes) -> list[str]:
        return [row.partition(";")[0] for row in _rows(content)]

    def merged(self, before: bytes | None, job: Job) -> Revision:
        ours = {tag.tag: f"{tag.tag};{tag.category};{tag.score:.4f}" for tag in job.tags}
        merged = merge_job(self.tags(before or b""), job, list(ours))
        return Revision(_data(merged.items(_rows(before or b""), ours)), merged.owned, merged.deleted)

    def stripped(self, before: bytes, owned: frozenset[str]) -> Revision:
        merged = take_out(self.tags(before), owned)
        return Revision(_data(merged.items(_rows(before), {})), merged.owned, merged.deleted)


def _rows(content: bytes) -> list[str]:
    return content.decode().splitlines()


def _data(rows: list[str]) -> bytes:
    return "".join(row + "\n" for row in rows).encode()
