"""New characters without training: from pictures to a gallery, and galleries as files and packs."""

from booru_tagger.enrol.enrolling import Details, Enrolment, enrol
from booru_tagger.enrol.gallery_file import adding, edit, importing, read, refuse_taken
from booru_tagger.enrol.reviewed import NamedFace, learning

__all__ = [
    "Details",
    "Enrolment",
    "NamedFace",
    "adding",
    "edit",
    "enrol",
    "importing",
    "learning",
    "read",
    "refuse_taken",
]
