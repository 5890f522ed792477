"""Value types of pixels: the values of black and white, and the channels that are shown."""

import math
import re
from dataclasses import dataclass

from lib.common.value_types import IntRange, ValueType, elements

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
LIMITS = re.compile(rf"\s*({NUMBER})\s*-\s*({NUMBER})\s*")
MAX_SHOWN = 3


@dataclass(frozen=True)
class Limits(ValueType):
    """A tuple of two numbers, the values of black and white: `0-4095`, `-1-1` or `-1000-3000`."""

    description = "two numbers, black and a greater white, such as 0-4095"

    def read(self, value) -> tuple[float, float]:
        match = LIMITS.fullmatch(value) if isinstance(value, str) else None
        low, high = map(float, match.groups() if match else value)
        if not (low < high and math.isfinite(high - low)) or (isinstance(value, str) and not match):
            raise ValueError
        return low, high

    def format(self, value: tuple[float, float]) -> str:
        return "-".join(repr(int(end)) if end.is_integer() else repr(end) for end in value)


@dataclass(frozen=True)
class ShownChannels(ValueType):
    """A tuple of one to three channels, counted from 1: `1`, or `4,3,2`."""

    channel: IntRange

    @property
    def description(self) -> str:
        return f"one to {MAX_SHOWN} channels separated by commas, such as 4,3,2"

    def read(self, value) -> tuple[int, ...]:
        numbers = tuple(self.channel.parse(part) for part in elements(value, ","))
        if not 1 <= len(numbers) <= MAX_SHOWN:
            raise ValueError
        return numbers

    def format(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))
