"""Training jobs: one run of an autoencoder or of a classifier, from the data set to the finished run folder.

Both follow the same data flow: dataset, split, task, architecture, training, evaluation, run folder.
"""

from pathlib import Path

import keras

from lib.common.errors import STOPPED_BEFORE_TRAINING, Interrupted, describe_failure
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.config.process_group import ProcessGroup
from lib.data.datasets import Dataset
from lib.runs import records, run_folder
from lib.runs.events import RunStarted
from lib.runs.run_folder import Run
from lib.runs.run_log import RunLog
from lib.training.backend import describe_environment, device_name, require_tensorboard
from lib.worker.autoencoder_job import AutoencoderJob
from lib.worker.classifier_job import ClassifierJob
from lib.worker.image_output import emit_notes
from lib.worker.messages import Train, TrainingFinished
from lib.worker.process import Channel
from lib.worker.training_job import TrainingJob


def run_training(
    channel: Channel, request: Train, dataset: Dataset, group: ProcessGroup | None = None
) -> None:
    """Train one run, new or resumed; the run folder is created after everything in the request is checked.

    Args:
        channel: receives the events.
        request: the settings and the folder.
        dataset: as `open_dataset` gives it.
        group: the processes that train together, if any; only the leader has a run folder.

    Raises:
        UserError: the network cannot be built, the model cannot be loaded or the folder cannot be used.
        RunFailed: the training or a file has failed; the record says so.
        Interrupted: Ctrl-C before the training began.
    """
    hp = request.hyperparameters
    job: TrainingJob
    if isinstance(hp, AutoencoderHyperparameters):
        job = AutoencoderJob(channel, hp, dataset, group)
    else:
        assert isinstance(hp, ClassifierHyperparameters)
        job = ClassifierJob(channel, hp, dataset, group)
    if hp.tensorboard:
        require_tensorboard()
    if channel.stop_event.is_set():
        raise Interrupted(STOPPED_BEFORE_TRAINING)
    if group and not group.is_leader:
        _follow_leader(channel, job, group)
        return
    if request.resume:
        run = Run.reopen(Path(request.resume), dataset.sha256)
    else:
        run = Run.create(request.output, hp, dataset.name, request.numbered)
    channel.log = RunLog(run.folder)
    channel.emit(RunStarted(str(run.folder), device_name()))
    emit_notes(channel, (*dataset.notes, *job.notes))
    run.update(dataset=dataset.to_json(), environment=describe_environment())
    keras.utils.set_random_seed(hp.seed)
    job.draws_in_background = request.background
    try:
        job.train(run, request.trial)
    except Exception as error:
        run_folder.close_record(run.folder, records.FAILED, describe_failure(error))
        raise


def _follow_leader(channel: Channel, job: TrainingJob, group: ProcessGroup) -> None:
    process = f"process {group.rank + 1} of {group.world_size}"
    channel.emit(RunStarted(f"{process}, for the run of process 1", device_name()))
    keras.utils.set_random_seed(job.hp.seed)
    job.follow()
    channel.emit(TrainingFinished(folder="", record={}, views={}))
