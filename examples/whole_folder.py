"""Tag a whole folder from Python, as the command does: ``python examples/whole_folder.py FOLDER``."""

import sys

from booru_tagger import Settings, tag_folder

settings = Settings.of(writer=("txt", "xmp"), deny=("*_background",))
report = tag_folder(sys.argv[1], settings, listener=lambda outcome: print(outcome.path))
for failure in report.failures:
    print(failure.error.message, file=sys.stderr)
print(f"{report.tagged} tagged, {report.skipped} unchanged, {report.failed} failed")
