"""Pictures in, arrays out: safe upright decoding, cropping, letterboxing and normalising.

Training, the parity check and the runtime all call these functions, so a face looks the same to the network
wherever it is shown one.
"""

from __future__ import annotations

from booru_tagger.imaging.cutting import PAD_VALUE, crop, fit, letterbox, square_around
from booru_tagger.imaging.decoding import Limits, decode_picture, read_file, read_picture, upright_rgb
from booru_tagger.imaging.tint import colorfulness, sharpness
from booru_tagger.imaging.turning import turned_crop, turned_part
from booru_tagger.imaging.values import Floats, Normalisation, Picture, Pixels, Source

__all__ = [
    "PAD_VALUE",
    "Floats",
    "Limits",
    "Normalisation",
    "Picture",
    "Pixels",
    "Source",
    "colorfulness",
    "crop",
    "decode_picture",
    "fit",
    "letterbox",
    "read_file",
    "read_picture",
    "sharpness",
    "square_around",
    "turned_crop",
    "turned_part",
    "upright_rgb",
]
