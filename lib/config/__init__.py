"""Configuration of a run: hyperparameters, presets, the resulting architecture, and process groups.

    data_settings         table of the data's settings
    task_settings         table of the task and its options
    code_settings         table of the code's regularization
    conditioning          labels as a second input
    quantization          levels of a quantized code
    regularizations       penalties of codes by name
    network_settings      table of an autoencoder's network
    training_settings     tables of the training
    head_settings         table of a classifier's layers
    program_settings      all settings of each program
    hyperparameters       validated description of a run
    setting_rules         combinations that are refused
    presets               named hyperparameters of known networks
    suited_defaults       defaults that follow the images
    changed_settings      settings that differ from defaults
    layer_specs           layer types, each a class
    patch_layers          discriminator of patches
    parallel_layers       linear path and feedback
    training_choices      losses, optimizers, schedules
    samplers              samplers of latent codes
    architecture          layers of a network, its sizes
    architecture_planner  architecture computed from hyperparameters
    encoder_planner       its encoder, and mirrored stages
    decoder_planner       its decoder
    residual_blocks       two convolutions with a shortcut
    memory_estimate       memory and arithmetic of a training
    process_group         rank, world size and shards

The tables list each hyperparameter with its value type and texts; the command line, prompts, answers files,
search and records read them. `AutoencoderHyperparameters` and `ClassifierHyperparameters` check that the
values go together, and `plan_architecture` that such a network fits the images. Other packages use the
functions of `program_settings`, the classes of `hyperparameters`, `preset_values`, `Architecture`,
`plan_architecture`, `ProcessGroup` and `Shard`; they import them from the modules, as nothing is re-exported
here.

>>> from lib.config.architecture import describe_architecture
>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> hp = AutoencoderHyperparameters(dataset="digits", layers=2, kernels="8,4")
>>> hp.command()
'python autoencoder.py --dataset digits --layers 2 --kernel-size 3 --kernels 8,4 ... --no-input'
>>> describe_architecture(plan_architecture(hp, (28, 28, 1)))
'latent 196, 4.0× smaller than the image · 801 parameters · 28×28×1 → 14×14×8 → 7×7×4'
>>> AutoencoderHyperparameters(layers=0)
Traceback (most recent call last):
lib.common.errors.UserError: layers 0 requires a dense code: set --latent-dim
"""
