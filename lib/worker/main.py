"""The child process: carries out one job for a program and ends."""

import sys
import traceback
from contextlib import suppress
from pathlib import Path

from lib.common.errors import Interrupted, UserError, describe_failure
from lib.config.process_group import ProcessGroup
from lib.evaluation import figures
from lib.training.backend import device_name, reset_keras_settings
from lib.training.distributed import join_process_group
from lib.worker import apply_job, encode_job, generate_job, predict_job, probe_job
from lib.worker.process import Channel
from lib.worker.training_jobs import open_dataset, read_hyperparameters, run_training


def main() -> None:
    """Serve one program; an exception becomes the event `failed` with one sentence."""
    channel = Channel()
    reset_keras_settings()
    try:
        serve(channel)
    except UserError as error:
        channel.emit("failed", kind="user", message=str(error))
    except Interrupted as error:
        channel.emit("failed", kind="interrupted", message=str(error))
    except Exception as error:
        with suppress(OSError):  # no room for the log
            traceback.print_exc(file=sys.stderr)
        channel.emit("failed", kind="run", message=describe_failure(error))
    channel.wait_for_program()


def serve(channel: Channel) -> None:
    """Carry out a job of `JOBS`, or the requests `open`, for a data set, and `train`, for a run."""
    request = channel.next_request()
    if request["verb"] in JOBS:
        JOBS[request["verb"]](channel, request)
        return
    group = ProcessGroup(**request["group"]) if request.get("group") else None
    if group:
        join_process_group(group)
    dataset = open_dataset(read_hyperparameters(request))
    channel.emit("ready", device=device_name())
    request = channel.next_request()
    run_training(channel, request, dataset, group)
    if request.get("background"):
        channel.end()  # nobody follows any more: its memory is free for the next job


def draw_comparison(channel: Channel, request: dict) -> None:
    """Plot a metric of several runs against each hyperparameter that differs between them."""
    figures.plot_run_comparison(request["points"], request["metric"], Path(request["path"]))
    channel.emit("finished", path=request["path"])


def probe(channel: Channel, request: dict) -> None:
    """Probe the encoder of a saved model with a labeled data set."""
    hp = read_hyperparameters(request)
    probe_job.run_probe(channel, request, hp, open_dataset(hp))


JOBS = {
    "compare": draw_comparison,
    "apply": apply_job.apply,
    "predict": predict_job.predict,
    "encode": encode_job.encode,
    "generate": generate_job.generate,
    "probe": probe,
}
