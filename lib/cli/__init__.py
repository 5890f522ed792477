"""Conversation with the user: command line, prompts, screen output and menus.

    parser             command-line flags of all settings
    prompts            answers from all sources
    provided_values    values from flags, files, presets
    answer_lines       answers from lines of standard input
    advanced_prompts   menus of all further settings
    training_plan      check of memory and time before training
    session            prompts, training, result, menu, again
    menu               entries of the menu after a run
    run_questions      data set, model, further settings
    run_continuation   resumed and continued runs
    display            live progress of a run
    output             lines, notes, results, commands shown
    result_views       tables of results on screen
    image_views        images and curves on screen
    tables             tables and bars that fit
    prompt_layout      prompts that fit the terminal
    figure_drawing     figures drawn during the menu
    streams            encodings, failures of standard streams
    terminal_graphics  images and charts as text
    commands           base and registry of all commands
    job_command        commands that the worker carries out
    model_command      commands on a saved model
    model_results      tables and problems of their results
    command_apply      images through saved autoencoders
    command_detect     anomalies in pictures, their places
    command_encode     latent codes of images
    command_evaluate   closeness of samples to test images
    command_explore    a page about latent codes
    command_generate   images from a saved decoder
    command_predict    labels from a saved classifier
    command_probe      quality of a saved encoder
    command_runs       lists, comparisons, reports of runs
    jobs               a job of the worker, followed
    terminal_prompts   texts, paths, menus to answer
    preset_choices     presets that fit a data set
    class_question     a class of a conditional model
    picture_questions  what a folder of pictures holds
    prompt_keys        Esc, Ctrl-D, Enter in prompts
    conversation       questions in order, and back
    _compat            workarounds for limits of libraries

The command line of a program begins with a command, which `commands` looks up, or starts a `Session`. It asks
for hyperparameters with `Answers`, trains in a child process (`lib.worker.process.Worker`), whose events are
shown by `Display`, and offers the menu. Nothing here imports Keras.

Nothing is re-exported, so that the first prompt appears before rich and plotille are imported. Other packages
use `Command`, `Answers`, `CommandParser` and `TrainParser`, `Session`, `run_questions`, `Display`, the styles
of `output`, `print_table` and the signs of `terminal_graphics`.

>>> from lib.cli.parser import TrainParser
>>> from lib.cli.prompts import Answers
>>> answers = Answers("autoencoder", TrainParser("autoencoder", "").parse(["--layers", "2", "--yes"]))
>>> answers.ask("layers"), answers.ask("kernels")
(2, (32,))
>>> answers.hyperparameters({"dataset": "digits"}).kernels
(32, 32)
"""
