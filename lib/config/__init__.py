"""Configuration of a run: hyperparameters, presets, the resulting architecture, and process groups.

    fields                the table of all hyperparameters
    hyperparameters       validated description of a run
    presets               named hyperparameters of known networks
    suited_defaults       defaults that follow the images
    changed_settings      settings that differ from defaults
    layer_specs           layer types, each a class
    parallel_layers       linear path and feedback
    training_choices      losses, optimizers, schedules
    architecture          layers of a network, its sizes
    architecture_planner  architecture computed from hyperparameters
    process_group         rank, world size and shards

`fields` lists each hyperparameter with its value type; the command line, prompts, answers files, search and
records read that table. `Hyperparameters` checks that the values go together, and `plan_architecture` that
such a network fits the images. Other packages use the functions of `fields`, the value types,
`Hyperparameters`, `preset_values`, `Architecture`, `plan_architecture`, `ProcessGroup` and `Shard`; they
import them from the modules, as nothing is re-exported here.

>>> from lib.config.architecture import describe_architecture
>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import Hyperparameters
>>> hp = Hyperparameters(dataset="digits", layers=2, kernels="8,4")
>>> hp.command()
'python autoencoder.py --dataset digits --layers 2 --kernel-size 3 --kernels 8,4 ... --no-input'
>>> describe_architecture(plan_architecture(hp, (28, 28, 1)))
'latent 196, 4.0× smaller than the image · 801 parameters · 28×28×1 → 14×14×8 → 7×7×4'
>>> Hyperparameters(layers=0)
Traceback (most recent call last):
lib.common.errors.UserError: layers 0 requires a dense code: set --latent-dim
"""
