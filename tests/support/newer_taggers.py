"""Folders of the taggers of 2026 as they are found in the wild, and inputs as their makers make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.support import taggers

Array = npt.NDArray[Any]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def animetimm_input(image: Image.Image, side: int) -> Array:
    """As its record has it, without a second square: the folder's own stages are tested on their own."""
    return normalised(padded(image, side, Image.Resampling.BICUBIC), *IMAGENET)


def padded(image: Image.Image, side: int, filter_: Image.Resampling) -> Image.Image:
    """imgutils' ``pad_image_to_size`` on white."""
    ratio = min(side / image.width, side / image.height)
    size = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(image.resize(size, filter_), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def normalised(image: Image.Image, mean: tuple[float, ...], std: tuple[float, ...]) -> Array:
    values: Array = ((np.asarray(image, dtype=np.float64) / 255 - mean) / std).transpose(2, 0, 1)
    return values


def oppai_input(image: Image.Image, side: int) -> Array:
    """Never scaled up, by Lanczos, on grey."""
    scale = min(side / image.width, side / image.height, 1.0)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    square = Image.new("RGB", (side, side), (114, 114, 114))
    small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    square.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return normalised(square, (0.5,) * 3, (0.5,) * 3)


def cl_v2_input(image: Image.Image, side: int) -> Array:
    return normalised(image.resize((side, side), Image.Resampling.BICUBIC), (0.5,) * 3, (0.5,) * 3)


def pixai_v1_input(image: Image.Image, side: int) -> Array:
    """Each channel scaled as real numbers, on black."""
    ratio = min(side / image.height, side / image.width)
    size = max(1, int(image.width * ratio)), max(1, int(image.height * ratio))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    values = np.zeros((3, side, side))
    for index, plane in enumerate(image.split()):
        real = Image.fromarray(np.asarray(plane, dtype=np.float32) / 255)
        small = np.asarray(real.resize(size, Image.Resampling.BILINEAR))
        values[index, top : top + size[1], left : left + size[0]] = small
    return (values - 0.5) / 0.5


ANIMETIMM_TABLE = (
    "id,tag_id,name,category,count,best_threshold\n"
    "0,1,general,9,9,0.5\n1,2,1girl,0,9,0.25\n2,3,smile,0,9,0.75\n3,4,hatsune_miku,4,9,\n"
)
ANIMETIMM_STAGES: list[dict[str, Any]] = [
    {"type": "pad_to_size", "size": [512, 512], "background_color": "white", "interpolation": "bilinear"},
    {"type": "resize", "size": 448, "interpolation": "bicubic", "max_size": None, "antialias": True},
    {"type": "center_crop", "size": [384, 384]},
    {"type": "maybe_to_tensor"},
    {"type": "normalize", "mean": list(IMAGENET[0]), "std": list(IMAGENET[1])},
]
PREPROCESSING = {
    "image_size": 448,
    "patch_size": 16,
    "num_channels": 3,
    "color_order": "RGB",
    "resize_mode": "letterbox",
    "pad_color_rgb": [114, 114, 114],
    "normalize_mean": [0.5, 0.5, 0.5],
    "normalize_std": [0.5, 0.5, 0.5],
    "input_dtype": "float32",
    "input_layout": "BCHW",
}
BREAKEVEN = {"micro": {"pr_breakeven": {"threshold": 0.75}, "f1_optimal": {"threshold": 0.5}}}
OPPAI_TABLE = (
    "tag_id,name,category\n0,<PAD>,0\n1,<UNK>,0\n2,1girl,0\n3,long_hair,0\n"
    "4,rating:general,0\n5,rating:explicit,0\n"
)
VOCABULARY = {
    "num_tags": 4,
    "idx_to_tag": {"0": "hatsune_miku", "1": "1girl", "2": "explicit", "3": "best_quality"},
    "tag_to_category": {
        "hatsune_miku": "4",
        "1girl": "General",
        "explicit": "rating",
        "best_quality": "Quality",
    },
}
V1_TAGS = ["1girl", "hatsune_miku", "bkub", "rating:g", "rating:e"]
V1_SPLIT = [["general", 1], ["character", 1], ["style", 1], ["rating", 2]]
V1_CONFIG: dict[str, Any] = {
    "model_type": "cls_vitdet",
    "img_size": 1008,
    "tags": V1_TAGS,
    "tags_split": V1_SPLIT,
    "category_best_threshold": {"general": 0.2, "style": 0.1, "rating": 0.41},
}
V1_BLOCKS = {
    "num_classes": 5,
    "categories": [
        {"name": "general", "offset": 0, "count": 1, "tags": V1_TAGS[:1]},
        {"name": "character", "offset": 1, "count": 1, "tags": V1_TAGS[1:2]},
        {"name": "style", "offset": 2, "count": 1, "tags": V1_TAGS[2:3]},
        {"name": "rating", "offset": 3, "count": 2, "tags": V1_TAGS[3:]},
    ],
}
V1_TABLE = "name,category\n1girl,0\nhatsune_miku,4\nbkub,1\nrating:g,9\nrating:e,9\n"

FOLDERS: dict[str, tuple[str, taggers.Signature, int, dict[str, Any]]] = {
    "animetimm": (
        "model.onnx",
        taggers.ANIMETIMM,
        4,
        {
            "selected_tags.csv": ANIMETIMM_TABLE,
            "preprocess.json": {"test": ANIMETIMM_STAGES, "val": [], "pre": []},
            "thresholds.csv": "category,name,alpha,threshold\n0,general,1.0,0.39\n4,character,1.0,0.5\n",
            "categories.json": [{"category": 0, "name": "general"}, {"category": 4, "name": "character"}],
            "meta.json": {},
        },
    ),
    "oppai-oracle": (
        "model.onnx",
        taggers.OPPAI_ORACLE,
        6,
        {
            "selected_tags.csv": OPPAI_TABLE,
            "preprocessing.json": PREPROCESSING,
            "pr_thresholds.json": BREAKEVEN,
            "config.json": {"architecture_type": "vit"},
        },
    ),
    "cl-v2": (
        "model.onnx",
        taggers.CL_V2,
        4,
        {"model_vocabulary.json": VOCABULARY, "model_metadata.json": {"version": "v2_00"}},
    ),
    "pixai-v1": (
        "model.onnx",
        taggers.PIXAI_V1,
        5,
        {"config.json": V1_CONFIG, "preprocessor_config.json": {"size": 1008}},
    ),
    "pixai-v1-table": ("model.onnx", taggers.PIXAI_V1, 5, {"selected_tags.csv": V1_TABLE}),
}
"""By the layout's name: the network's file and signature, its columns, and all other files."""


def make(name: str, folder: Path) -> Path:
    return taggers.make_folder(folder, *FOLDERS[name])
