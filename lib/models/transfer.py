"""Transfer of weights from a saved model to a new network, layer by layer where their shapes fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import keras

from lib.common.errors import printable
from lib.common.formatting import format_shape
from lib.models.saving.weight_loading import inner_layers
from lib.runs.run_entries import abbreviate_list


@dataclass(frozen=True)
class Transfer:
    """The weights that a network has taken from a saved model.

    Attributes:
        taken: names of the layers whose weights it has taken.
        not_taken: name of each other layer that has weights, and why, in brackets.
        by_name: layers were matched by their names; else by the shapes of their weights, in order.
        values: number of weights that were taken.
        of: number of weights of the network.
    """

    taken: tuple[str, ...]
    not_taken: tuple[str, ...]
    by_name: bool
    values: int
    of: int

    @property
    def is_complete(self) -> bool:
        """Whether all layers have taken their weights."""
        return not self.not_taken

    def describe(self, path: str) -> list[str]:
        """Return sentences for the user, about the file of the model."""
        count = len(self.taken) + len(self.not_taken)
        how = "" if self.by_name else ", matched by their shapes in order"
        lines = [
            f"{path}: the weights of {len(self.taken)} of {count} layers are taken{how} ({self.values:,} of "
            f"{self.of:,} weights): {abbreviate_list(self.taken)}"
        ]
        if self.not_taken:
            lines.append(f"The other layers begin with new weights: {abbreviate_list(self.not_taken)}")
        return lines


def take_weights(model: keras.Model, source: keras.Model) -> Transfer:
    """Give the layers of a network the weights of those layers of a model that fit.

    A layer takes the weights of the layer with its name, if they have the same shapes. Where no name is the
    same, as in models made elsewhere, layers with the same shapes are matched in their order. Layers whose
    weights are fixed keep them.

    Args:
        model: the network, which is changed.
        source: the saved model, or a part of one such as an encoder.

    Returns:
        What was taken; nothing where no layer fits.
    """
    targets = [layer for layer in inner_layers(model) if layer.weights and layer.trainable]
    sources = [layer for layer in inner_layers(source) if layer.weights]
    by_name = {layer.name: layer for layer in sources}
    are_named = any(layer.name in by_name for layer in targets)
    pairs = (
        {layer.name: by_name[layer.name] for layer in targets if layer.name in by_name}
        if are_named
        else _match_by_shapes(targets, sources)
    )
    taken, not_taken, values = [], [], 0
    for layer in targets:
        match = pairs.get(layer.name)
        if match is not None and _shapes(match) == _shapes(layer):
            layer.set_weights(match.get_weights())
            taken.append(layer.name)
            values += layer.count_params()
        else:
            not_taken.append(f"{layer.name} ({_describe_difference(layer, match)})")
    return Transfer(
        tuple(taken), tuple(not_taken), are_named, values, sum(layer.count_params() for layer in targets)
    )


def _match_by_shapes(
    targets: Sequence[keras.layers.Layer], sources: Sequence[keras.layers.Layer]
) -> dict[str, keras.layers.Layer]:
    matcher = SequenceMatcher(None, [*map(_shapes, sources)], [*map(_shapes, targets)], autojunk=False)
    return {
        targets[block.b + offset].name: sources[block.a + offset]
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }


def _shapes(layer: keras.layers.Layer) -> tuple:
    return tuple(tuple(weight.shape) for weight in layer.weights)


def _describe_difference(layer: keras.layers.Layer, match: keras.layers.Layer | None) -> str:
    if match is None:
        return "not in the file"
    needed, given = (format_shape(_shapes(each)[0]) for each in (layer, match))
    return printable(f"{needed}; in the file {given}")
