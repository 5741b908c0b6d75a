"""Bringing together what several machines found: journals, and data sets of results."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from booru_tagger.app.recording import Tell, need_journal
from booru_tagger.config import RecordingSettings
from booru_tagger.errors import ConfigError
from booru_tagger.journal.merging import MergeReport, PathMap
from booru_tagger.runner.records import read_records
from booru_tagger.sources.storage import is_url

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReadReport:
    """Pictures that are known from now on, pictures that were known already, and records that are of no
    picture here: failures, and addresses in storage."""

    added: int = 0
    left: int = 0
    passed: int = 0


def path_map(pairs: Sequence[tuple[str, str]]) -> PathMap:
    """Folders that are called otherwise here. Raises ConfigError for a relative path."""
    for path in (path for pair in pairs for path in pair):
        if not path.startswith(("/", "\\")) and not Path(path).is_absolute():
            raise ConfigError(f"{path}: folders are mapped by their whole paths")
    return PathMap([(os.fsencode(old), os.fsencode(new)) for old, new in pairs])


def merge_journals(
    others: Sequence[Path], moved: PathMap, recording: RecordingSettings, tell: Tell = _log.warning
) -> list[MergeReport]:
    """Take over what other journals know; one report for each. Raises BooruTaggerError."""
    with need_journal(recording, tell) as journal:
        return [journal.merge(other, moved) for other in others]


def read_data_sets(
    paths: Sequence[Path], moved: PathMap, recording: RecordingSettings, tell: Tell = _log.warning
) -> list[ReadReport]:
    """Take what data sets say of pictures into the journal; one report for each. Raises BooruTaggerError."""
    with need_journal(recording, tell) as journal:
        reports = []
        for path in paths:
            report = ReadReport()
            for record in read_records(path):
                if record.result.error is not None or is_url(record.path):
                    report.passed += 1
                    continue
                picture = Path(os.fsdecode(moved(os.fsencode(record.path))))
                added = journal.adopt(picture, record.result, record.stamp, record.raw)
                report.added += added
                report.left += not added
            reports.append(report)
        return reports
