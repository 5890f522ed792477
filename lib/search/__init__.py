"""Hyperparameter search with Optuna, shared by any number of workers.

    space     dimensions: values and ranges
    study     Optuna study, trial loop
    state     definition and trials of a study
    storage   database of a study
    sampling  samplers and pruner
    trials    objective function of a study
    options   options from flags and prompts
    questions prompts of a search
    estimate  duration and size before the start
    retention models of the best trials only
    progress  progress bars and results table
    search    trials, results, training of the winner
    command_search the command: flags, menu entry

`options` turns flags and prompts into `SearchOptions`, whose `space` says what is varied. `search` opens a
study, and `study.run_trials` calls the `TrialRunner` of `trials` until the budget is used up; workers that
open the same study share its trials. Then `search` trains the winner on all training images.

`lib.cli.commands` finds `command_search` by its name. Nothing is imported here: Optuna takes a while to load,
and `space` needs none of it:

>>> from lib.search.space import grid_size, parse_space
>>> space = parse_space("autoencoder", ["kernels=16,32,64", "layers=2,3"], [])
>>> space["layers"]
Choices(values=(2, 3))
>>> grid_size(space)
6
>>> parse_space("autoencoder", [], ["learning-rate=0.0001..0.01:log"])
{'learning_rate': Range(low=0.0001, high=0.01, log=True, step=1)}
"""
