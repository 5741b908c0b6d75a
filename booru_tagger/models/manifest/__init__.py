"""What ``manifest.json`` of a bundle says: a frozen record for each section, and strict readers of them."""

from booru_tagger.models.manifest.calibration import RAW_SECOND_HEAD, ScoreCurve
from booru_tagger.models.manifest.caution import Caution
from booru_tagger.models.manifest.detector_spec import DetectorSpec, Glance, Mirror, read_detector
from booru_tagger.models.manifest.fields import Table
from booru_tagger.models.manifest.file_records import MANIFEST, FileRecord, read_files
from booru_tagger.models.manifest.identity_spec import ONE_CHARACTER, Coincidence, IdentitySpec, Weights
from booru_tagger.models.manifest.labels import Label, read_label, read_labels
from booru_tagger.models.manifest.recogniser_spec import RecogniserSpec, View, read_recogniser
from booru_tagger.models.manifest.roll_spec import RollSpec, read_roll

__all__ = [
    "MANIFEST",
    "ONE_CHARACTER",
    "RAW_SECOND_HEAD",
    "Caution",
    "Coincidence",
    "DetectorSpec",
    "FileRecord",
    "Glance",
    "IdentitySpec",
    "Label",
    "Mirror",
    "RecogniserSpec",
    "RollSpec",
    "ScoreCurve",
    "Table",
    "View",
    "Weights",
    "read_detector",
    "read_files",
    "read_label",
    "read_labels",
    "read_recogniser",
    "read_roll",
]
