"""Value types of sizes in pixels: kernels of layers, and images."""

from dataclasses import dataclass

from lib.common.value_types import IntRange, ValueType, elements


@dataclass(frozen=True)
class KernelSizes(ValueType):
    """A tuple of (height, width) pairs: `3` is 3×3, `4x2` is 4 high and 2 wide, `5,3,3` one per layer."""

    element: IntRange
    description = "a whole number from 1 to 64, or height x width (4x2); or one per layer, as 5,3,3"

    def read(self, value) -> tuple[tuple[int, int], ...]:
        sizes = tuple(self._parse_pair(part) for part in elements(value, ","))
        if not sizes:
            raise ValueError
        return sizes

    def _parse_pair(self, value) -> tuple[int, int]:
        sides = elements(value.replace("×", "x") if isinstance(value, str) else value, "x")
        height, width = sides if len(sides) == 2 else (*sides, *sides)
        return self.element.parse(height), self.element.parse(width)

    def format(self, value: tuple[tuple[int, int], ...]) -> str:
        sizes = [str(height) if height == width else f"{height}x{width}" for height, width in value]
        return sizes[0] if len(set(sizes)) == 1 else ",".join(sizes)

    def to_json(self, value: tuple[tuple[int, int], ...]) -> int | str:
        """An integer for one square size, else the text."""
        text = self.format(value)
        return int(text) if text.isdigit() else text


@dataclass(frozen=True)
class ImageSize(ValueType):
    """A (height, width) pair: `64` is 64×64, `96x128` is 96 high and 128 wide."""

    side: IntRange

    @property
    def description(self) -> str:
        return f"{self.side.description}, or height x width (96x128)"

    def read(self, value) -> tuple[int, int]:
        (size,) = KernelSizes(self.side).parse([value] if isinstance(value, list | tuple) else value)
        return size

    def format(self, value: tuple[int, int]) -> str:
        return KernelSizes(self.side).format((value,))
