"""Tag pictures from Python: ``python examples/library_use.py a.png b.jpg``."""

import sys

from booru_tagger import Tagger, TaggerOptions, tag_paths

for result in tag_paths(sys.argv[1:], Tagger(TaggerOptions(thresholds={"character": 0.7}))):
    if result.error:
        print(f"{result.path}: {result.error.message}", file=sys.stderr)
        continue
    for face in result.faces:
        print(result.path, face.box.rounded(), face.character.tag if face.character else "somebody")
    print(result.path, ", ".join(tag.tag for tag in result.tags))
