"""Latent Lab's library: twelve packages, of which each imports only from those below it.

    search          hyperparameter search with Optuna
    reproduction    the five reports' tables, time to target
    cli             the conversation with a person
    worker          the child process and its pipe
    evaluation      scores, baselines, pictures of results
    training        `fit` and what it needs
    models          Keras models and their files
    runs            run folders, records, reports
    data            images and labels, file formats
    config          hyperparameters, presets, architecture
    tasks           what a network learns
    common          errors, files, formatting, terminal state

Each package's docstring maps its modules. `autoencoder.py` and `classification.py` use `cli`, which starts a
`worker` process for everything that needs Keras.
"""
