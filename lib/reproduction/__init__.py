"""Reproduction of five course reports: their tables trained again, and the time to reach their results.

    tables          reported values, settings of rows
    context         folder, seeds, printed tables
    comparison      reported next to measured values
    time_to_target  duration until a value is reached
    command_reproduce the command `reproduce`

`tables` holds the data. `command_reproduce` trains the rows of a table in the folder of a
`ReproductionContext`, and `comparison` shows the results next to the reported values; with `--race`,
`time_to_target` trains the report's settings and ours until both reach a reported value.

`lib.cli.commands` finds `command_reproduce` by its name. Nothing is imported here, so that the programs start
fast:

>>> from lib.reproduction.tables import TABLES
>>> table = TABLES["A-variants"]
>>> table.quantities, table.dataset
(('test_mse',), 'cifar10')
>>> table.rows[0].name, table.rows[0].reported, table.rows[0].report.autoencoder["optimizer"]
('base', (0.0036,), 'adam')
"""
