"""Runs: the folder of a run, its record, and the lists and reports made from records.

    records      reading and listing `run.json`
    run_folder   creating, locking, finishing, copying folders
    events       what a run reports
    run_log      lines of progress and results
    views        figures in the menu
    resume       finding runs that can continue
    continuation finished runs for more epochs
    validation   validating and sanitizing records
    classifiers  finding saved classifiers
    recorded_splits splits that records have
    summary      test scores, baselines and remarks
    detection_results thresholds and kinds of defects
    run_entries  sorting, ranking and finding runs
    report       reports on several runs
    documents    documents as Markdown or HTML
    document_blocks sections, paragraphs, tables, pictures
    loss_plots   validation losses of runs as SVG

A `Run` locks its folder during training and writes `run.json` after every change; an interrupted run is found
by `resume` and reopened. Everything else reads: `records` loads records of any version, `run_entries`
sanitizes them for lists, and `report` composes documents from such lists. Other packages import the public
names of these modules directly, so that they load no more than they need.

>>> import tempfile
>>> from pathlib import Path
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.runs.run_entries import list_entries
>>> from lib.runs.run_folder import Run
>>> with tempfile.TemporaryDirectory() as folder:
...     run = Run.create(f"{folder}/first", AutoencoderHyperparameters(dataset="digits"), "digits")
...     run.update(metrics={"test_mse": 0.01})
...     run.finish()
...     files = run.list_files()
...     entries, unreadable = list_entries(Path(folder))
>>> files
['answers.json', 'run.json']
>>> [(entry.name, entry.status, entry.score_text) for entry in entries]
[('first', 'finished', 'MSE 0.01000')]
"""
