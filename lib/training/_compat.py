"""Override of a private method of Keras 3.15; `tests/training/test_compat.py` tests that it is still needed.

The patches that need TensorFlow or JAX stand in the last section of `lib/training/backend.py`, with tests in
the same file.
"""

import keras


class MuonWithChoice(keras.optimizers.Muon):
    """Keras's Muon with a public choice of the variables that AdamW trains.

    Keras's private `_should_use_adamw` gives AdamW every variable that is not a matrix. Convolution kernels,
    which have four dimensions, never get Muon's steps, and no argument changes that. Keras calls the method
    when it builds the optimizer's variables and when it decays weights.
    """

    def uses_adamw(self, variable: keras.Variable) -> bool:
        """True for a variable that AdamW trains, with the same learning rate."""
        return super()._should_use_adamw(variable)

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return self.uses_adamw(variable)
