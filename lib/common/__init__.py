"""Helpers without knowledge of images or networks; every other package may import them.

    discovery       import of all modules of a package
    errors          exceptions and exit statuses
    filesystem      atomic writes and file locks
    formatting      numbers and values as text
    group_rules     rules that group files by name
    memory          free memory of machine, container, GPU
    pixel_types     value types of pixels' ranges, channels
    reading         bounded reading; walking through folders
    serialization   images as JSON; CSV tables
    settings        entries of tables of settings
    size_types      value types of sizes in pixels
    suggestions     closest names to mistyped ones
    text_layout     word wrap, ellipsis, display width
    typed_json      dataclasses as JSON, with checks
    terminal_state  keyboard echo and its restoration
    value_types     parsing, bounds and formatting of values
    word_types      value types of several words or names

Library code raises the exceptions of `errors`, and only `exit_status`, in the two programs, turns them into
a line and a status. Files of runs are written with `filesystem`, so that no reader sees an unfinished one.
Other packages import from the modules; nothing is re-exported here.

>>> from lib.common.errors import UserError, exit_status
>>> from lib.common.formatting import abbreviate, format_duration, format_shape
>>> format_shape((28, 28, 1)), format_duration(3723), abbreviate("many")
('28×28×1', '1:02:03', "'many'")
>>> def program():
...     raise UserError("epochs must be a whole number")
>>> exit_status("autoencoder.py", program)  # prints the message on standard error
2
"""
