"""New characters without training: from pictures to a gallery, and galleries as files and packs."""

from booru_tagger.enrol.enrolling import Details, Enrolment, enrol
from booru_tagger.enrol.gallery_file import adding, edit, fitting, importing, read, refuse_taken
from booru_tagger.enrol.reviewed import NamedFace, doubts_about, learning

__all__ = [
    "Details",
    "Enrolment",
    "NamedFace",
    "adding",
    "doubts_about",
    "edit",
    "enrol",
    "fitting",
    "importing",
    "learning",
    "read",
    "refuse_taken",
]
