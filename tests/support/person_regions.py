"""Names as a photo manager puts them into a picture, or into the XMP beside it."""

from __future__ import annotations

from booru_tagger.types import Box

NAMED = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:MP="http://ns.microsoft.com/photo/1.2/"
   xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
   xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">
  <MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
    <rdf:li MPReg:Rectangle="{}, {}, {}, {}" MPReg:PersonDisplayName="{}"/>
  </rdf:Bag></MPRI:Regions></MP:RegionInfo>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


def packet(box: Box, name: str, width: int, height: int) -> str:
    """XMP with one of Microsoft's face regions, in pixels of a picture that is not turned."""
    return NAMED.format(box.x0 / width, box.y0 / height, box.width / width, box.height / height, name)
