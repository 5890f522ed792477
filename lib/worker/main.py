"""The child process: carries out one job for a program and ends."""

import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from lib.common.errors import Interrupted, UserError, describe_failure
from lib.data import named_datasets
from lib.evaluation import figures
from lib.training.backend import device_name, reset_keras_settings
from lib.training.distributed import join_process_group
from lib.worker.messages import (
    Compare,
    Compared,
    Download,
    Downloaded,
    Failed,
    JobRequest,
    Open,
    Ready,
    Train,
    find_object,
)
from lib.worker.open_data import open_dataset
from lib.worker.process import Channel
from lib.worker.skippable import run_unless_stopped
from lib.worker.training_jobs import run_training


def main() -> None:
    """Serve one program; an exception becomes the event `Failed` with one sentence."""
    channel = Channel()
    reset_keras_settings()
    try:
        serve(channel)
    except UserError as error:
        channel.emit(Failed("user", str(error)))
    except Interrupted as error:
        channel.emit(Failed("interrupted", str(error)))
    except Exception as error:
        with suppress(OSError):  # no room for the log
            traceback.print_exc(file=sys.stderr)
        channel.emit(Failed("run", describe_failure(error)))
    channel.wait_for_program()


def serve(channel: Channel) -> None:
    """Carry out a job, or the requests `Open`, for a data set, and `Train`, for a run."""
    request = channel.next_request()
    if isinstance(request, JobRequest):
        job: Callable[[Channel, JobRequest], object] = find_object(request.job)
        job(channel, request)
        return
    assert isinstance(request, Open)
    if request.group:
        join_process_group(request.group)
    dataset = open_dataset(request.hyperparameters)
    channel.emit(Ready(device_name()))
    training = channel.next_request()
    assert isinstance(training, Train)
    run_training(channel, training, dataset, request.group)
    if training.background:
        channel.end()  # nobody follows any more: its memory is free for the next job


def draw_comparison(channel: Channel, request: Compare) -> None:
    """Plot a metric of several runs against each hyperparameter that differs between them."""
    figures.plot_run_comparison(request.points, request.metric, Path(request.path))
    channel.emit(Compared(request.path))


def download_dataset(channel: Channel, request: Download) -> None:
    """Download a published data set into the cache of Keras. Raises `Interrupted`: it was stopped."""
    missing = named_datasets.NAMED_DATASETS[request.dataset].missing_cache_files
    download = partial(named_datasets.download, request.dataset)
    if run_unless_stopped(download, channel.stop_event) is None:
        for path in missing:  # Keras would take half a file for the whole
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise Interrupted(f"the download of {request.dataset} was stopped")
    channel.emit(Downloaded(request.dataset))
