"""Placement of a picture in the image that it was fitted to, and conversion of boxes between both."""

import math
from typing import NamedTuple

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside


class Placement(NamedTuple):
    """The part of a picture that its image shows, and where in the image it lies.

    Parts are left, top, right, bottom, in pixels from the upper left corner.

    Attributes:
        sides: height and width of the picture.
        picture: the part of the picture.
        image: the part of the image.
    """

    sides: tuple[int, int]
    picture: tuple[float, float, float, float]
    image: tuple[float, float, float, float]

    @classmethod
    def of(cls, sides: tuple[int, int], image_sides: tuple[int, int], fit_mode: str) -> "Placement":
        """Return the placement of a picture by `lib.data.formats.pictures.fit_image`.

        Args:
            sides: height and width of the picture.
            image_sides: those of the image.
            fit_mode: `crop`, `pad` or `stretch`.
        """
        (height, width), (image_height, image_width) = sides, image_sides
        whole, whole_image = (0, 0, width, height), (0, 0, image_width, image_height)
        if fit_mode == "crop":
            ratio = image_width / image_height
            part_width, part_height = min(width, ratio * height), min(height, width / ratio)
            return cls(sides, _centered(whole, part_width, part_height), whole_image)
        if fit_mode == "pad":
            if width / height > image_width / image_height:
                part_width, part_height = image_width, max(1, round(height / width * image_width))
            else:
                part_width, part_height = max(1, round(width / height * image_height)), image_height
            left, top = round((image_width - part_width) / 2), round((image_height - part_height) / 2)
            return cls(sides, whole, (left, top, left + part_width, top + part_height))
        return cls(sides, whole, whole_image)

    @property
    def shown(self) -> float:
        """The fraction of the picture's area that the image shows."""
        left, top, right, bottom = self.picture
        return (right - left) * (bottom - top) / (self.sides[0] * self.sides[1])

    @property
    def picture_box(self) -> Box:
        """The pixels of the picture that the image shows: those of which it shows more than a half."""
        height, width = self.sides
        left, top = min(round(self.picture[0]), width - 1), min(round(self.picture[1]), height - 1)
        return left, top, max(left + 1, round(self.picture[2])), max(top + 1, round(self.picture[3]))

    @property
    def image_box(self) -> Box:
        """The pixels of the image that show the picture; the others are padding."""
        left, top, right, bottom = map(round, self.image)
        return left, top, right, bottom

    def to_picture(self, box: Box) -> Box:
        """Return the pixels of the picture that a box in the image shows, at least in part."""
        height, width = self.sides
        left, right = (self._x_in_picture(x) for x in (box[0], box[2]))
        top, bottom = (self._y_in_picture(y) for y in (box[1], box[3]))
        x, y = min(max(0, math.floor(left)), width - 1), min(max(0, math.floor(top)), height - 1)
        return x, y, max(x + 1, min(width, math.ceil(right))), max(y + 1, min(height, math.ceil(bottom)))

    def to_image(self, box: Box) -> tuple[float, float, float, float]:
        """Return the part of the image that shows a box in the picture."""
        x_scale, y_scale = self._scales
        x, y = self.image[0] - self.picture[0] * x_scale, self.image[1] - self.picture[1] * y_scale
        left, right = (
            min(max(self.image[0], x + edge * x_scale), self.image[2]) for edge in (box[0], box[2])
        )
        top, bottom = (
            min(max(self.image[1], y + edge * y_scale), self.image[3]) for edge in (box[1], box[3])
        )
        return left, top, right, bottom

    @property
    def _scales(self) -> tuple[float, float]:
        """Pixels of the image per pixel of the picture, horizontally and vertically."""
        left, top, right, bottom = self.picture
        image_left, image_top, image_right, image_bottom = self.image
        return (image_right - image_left) / (right - left), (image_bottom - image_top) / (bottom - top)

    def _x_in_picture(self, x: float) -> float:
        return self.picture[0] + (x - self.image[0]) / self._scales[0]

    def _y_in_picture(self, y: float) -> float:
        return self.picture[1] + (y - self.image[1]) / self._scales[1]


def _centered(
    whole: tuple[int, int, int, int], width: float, height: float
) -> tuple[float, float, float, float]:
    left, top = (whole[2] - width) / 2, (whole[3] - height) / 2
    return left, top, left + width, top + height
