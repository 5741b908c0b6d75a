"""What a network looks like from outside, and where that differs from a layout's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from booru_tagger.models.formats.format_records import Format, ScoreOutput

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """The shapes of a network's inputs and outputs by name."""

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]

    def differences(self, layout: Format) -> list[str]:
        """What is otherwise than in ``layout``; nothing where the network may be one."""
        return [*self._of_inputs(layout), *self._of_outputs(layout)]

    def image(self, layout: Format) -> str:
        """The input that takes the picture."""
        return next(name for name in self.inputs if name != layout.mask)

    def answer(self, layout: Format) -> ScoreOutput | None:
        """The first of the layout's ways of giving scores that the network has."""
        names = list(self.outputs)
        for answer in layout.answers:
            if answer.name in names or (not answer.name and answer.place < len(names)):
                return answer
        return None

    def side(self, layout: Format) -> int | None:
        """Side of the input in pixels, where it is fixed."""
        sides = _sides(self.inputs[self.image(layout)], layout)
        return next((side for side in sides if isinstance(side, int)), None)

    def single(self, layout: Format) -> bool:
        """Whether it takes one picture at a time."""
        return isinstance(self.inputs[self.image(layout)][0], int)

    def _of_inputs(self, layout: Format) -> Iterator[str]:
        wanted = 2 if layout.mask else 1
        named = _listed(self.inputs)
        if len(self.inputs) != wanted or (layout.mask and layout.mask not in self.inputs):
            extra = f", one of them called {layout.mask}" if layout.mask else ""
            yield f"it has {wanted} input{'s' * (wanted > 1)}{extra}; found {named}"
            return
        shape, how = self.inputs[self.image(layout)], layout.preparation
        if len(shape) != 4:
            yield f"its input has four dimensions; found {named}"
            return
        nchw = how.layout == "nchw"
        channels = shape[1] if nchw else shape[3]
        if isinstance(channels, int) and channels != 3:
            yield f"the three colors are the {'second' if nchw else 'last'} dimension; found {named}"
            return
        fixed = {side for side in _sides(shape, layout) if isinstance(side, int)}
        if len(fixed) > 1:
            yield f"its input is square; found {named}"
        elif how.canvas is not None and fixed and fixed != {how.side}:
            yield f"its input has {how.side} pixels a side, as is told beside it; found {named}"

    def _of_outputs(self, layout: Format) -> Iterator[str]:
        answer = self.answer(layout)
        if answer is None:
            wanted = ", ".join(answer.name for answer in layout.answers)
            yield f"its scores are called {wanted}; found {_listed(self.outputs)}"


def _sides(shape: Shape, layout: Format) -> Shape:
    return shape[2:] if layout.preparation.layout == "nchw" else shape[1:3]


def _listed(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
