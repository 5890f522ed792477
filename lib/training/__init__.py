"""Training: one call of `fit` per phase, with checkpoints, in one process or several.

    trainer      `fit`: training of one phase
    phases       loss, metrics and targets per phase
    losses       by SSIM, and Charbonnier's
    batches      inputs and targets from uint8 images
    optimizers   optimizers, Muon, learning rate schedules
    callbacks    events, history, stopping, divergence
    checkpoints  state of an interrupted training
    penalty_schedule  weight of the penalty of codes
    time_limit   a training that ends by the clock
    replicas     copies of a model, mixed precision
    distributed  process groups, several devices
    backend      device names, TensorFlow and JAX
    _compat      override of a private Keras method

`fit` compiles a model with the loss of a `Phase` and an optimizer, feeds it with `Batches`, and calls the
`TrainingHooks` of its caller. With a process group or a precision other than float32 it trains a replica.

Names for other packages, imported from their modules so that importing this package does not import Keras:

* `trainer`: `fit`, `TrainingResult`, `images_per_second`
* `callbacks`: `TrainingHooks`
* `phases`: `Phase`, `autoencoder_phase`, `classifier_phases`, `scratch_phase`, `pixel_loss`,
  `make_training_targets`
* `batches`: `Batches`, `images_of`
* `backend`: `device_name`, `describe_environment`, `require_tensorboard`
* `distributed`: `join_process_group`

>>> import tempfile, threading
>>> import numpy as np
>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.data.datasets import load_dataset
>>> from lib.models.autoencoder import build_autoencoder
>>> from lib.runs.events import EpochEnded
>>> from lib.training.callbacks import TrainingHooks
>>> from lib.training.phases import autoencoder_phase
>>> from lib.training.trainer import fit
>>> with tempfile.TemporaryDirectory() as folder:
...     images = np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8)
...     np.savez(f"{folder}/noise.npz", images=images)
...     path = f"{folder}/noise.npz"
...     hp = AutoencoderHyperparameters(dataset=path, layers=1, kernels=4, epochs=2, batch_size=20)
...     dataset = load_dataset(hp)
>>> model = build_autoencoder(plan_architecture(hp, dataset.shape))
>>> def emit(event):
...     if isinstance(event, EpochEnded):
...         print("epoch", event.epoch)
>>> result = fit(model, dataset, hp, autoencoder_phase(hp), TrainingHooks(emit, threading.Event()))
epoch 1
epoch 2
>>> sorted(result.history)
['loss', 'seconds', 'val_loss']
"""
