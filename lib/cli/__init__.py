"""Conversation with the user: command line, prompts, screen output and menus.

    parser             command-line flags of all settings
    prompts            answers from flags, files, prompts
    advanced_prompts   menus of all further settings
    session            prompts, training, result, menu, again
    display            live progress of a run
    output             lines, notes, results, commands shown
    result_views       tables of results on screen
    image_views        images and curves on screen
    tables             tables and bars that fit
    prompt_layout      prompts that fit the terminal
    figure_drawing     figures drawn during the menu
    streams            encodings, failures of standard streams
    terminal_graphics  images and charts as text
    commands           registry of all commands
    menu               entries of both programs' menus
    model_commands     apply, encode, generate, predict, probe
    model_results      results of these commands
    codes_size         question before large files
    terminal_prompts   texts, paths, menus to answer
    preset_choices     presets that fit a data set
    prompt_keys        Esc, Ctrl-D, Enter in prompts
    conversation       questions in order, and back
    runs_command       lists, comparisons, reports of runs
    _compat            workarounds for limits of libraries

The command line of a program begins with a command, which `commands` looks up, or starts a `Session`. It asks
for hyperparameters with `Answers`, trains in a child process (`lib.worker.process.Worker`), whose events are
shown by `Display`, and offers the menu. Nothing here imports Keras.

Nothing is re-exported, so that the first prompt appears before rich and plotille are imported. Other packages
use `Answers`, `CommandParser` and `TrainParser`, `Session` and the functions of its module, `Display`, the
styles of `output`, `print_table` and the signs of `terminal_graphics`.

>>> from lib.cli.parser import TrainParser
>>> from lib.cli.prompts import Answers
>>> answers = Answers("autoencoder", TrainParser("autoencoder", "").parse(["--layers", "2", "--yes"]))
>>> answers.ask("layers"), answers.ask("kernels")
(2, (32,))
>>> answers.hyperparameters({"dataset": "digits"}).kernels
(32, 32)
"""
