"""Models that have a name here. Hashes are not kept: the hub states them when a model is pulled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from booru_tagger.models.store.model_folders import HubId


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """``licence`` is what its makers state, as far as it is known; empty: read it on the hub."""

    name: str
    hub: HubId
    licence: str
    about: str


def _wd(name: str, network: str) -> CatalogueEntry:
    return CatalogueEntry(
        name, HubId(f"SmilingWolf/{name}"), "apache-2.0", f"tags, characters and rating; {network}"
    )


_ENTRIES = (
    _wd("wd-vit-tagger-v3", "ViT"),
    _wd("wd-convnext-tagger-v3", "ConvNeXt"),
    _wd("wd-swinv2-tagger-v3", "SwinV2"),
    _wd("wd-vit-large-tagger-v3", "ViT, large"),
    _wd("wd-eva02-large-tagger-v3", "EVA-02, large"),
    _wd("wd-v1-4-moat-tagger-v2", "MOAT, older tags"),
    CatalogueEntry("joytag", HubId("fancyfeast/joytag"), "apache-2.0", "tags without categories"),
    CatalogueEntry(
        "cl_tagger_1_02",
        HubId("cella110n/cl_tagger", "cl_tagger_1_02"),
        "",
        "tags, characters, copyrights, artists, rating",
    ),
    CatalogueEntry(
        "camie-tagger-v2",
        HubId("Camais03/camie-tagger-v2"),
        "gpl-3.0",
        "tags, characters, copyrights, artists, rating",
    ),
    CatalogueEntry(
        "pixai-tagger-v0.9", HubId("deepghs/pixai-tagger-v0.9-onnx"), "apache-2.0", "tags and characters"
    ),
    CatalogueEntry(
        "pixai-tagger-v1.0",
        HubId("noaione/pixai-tagger-v1.0-onnx"),
        "apache-2.0",
        "tags, characters, copyrights, artists, rating; large and slow",
    ),
    CatalogueEntry(
        "cl_tagger_2_00",
        HubId("cella110n/cl_tagger_v2", "v2_00"),
        "their own, to be agreed to on the hub",
        "tags, characters, copyrights, rating",
    ),
    CatalogueEntry(
        "animetimm-caformer_b36",
        HubId("animetimm/caformer_b36.dbv4-full"),
        "gpl-3.0; to be agreed to on the hub",
        "tags, characters and rating; a threshold for each tag",
    ),
    CatalogueEntry(
        "oppai-oracle-v1.1", HubId("Grio43/OppaiOracle", "V1.1_onnx"), "apache-2.0", "tags and rating"
    ),
)

CATALOGUE: Mapping[str, CatalogueEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
