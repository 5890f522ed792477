"""The process that trains: one data set, one run, DESIGN's flow from top to bottom; events up the pipe, files
on disk.
"""

import sys
import traceback
from pathlib import Path

from lib.common.errors import Interrupted, UserError, describe_failure
from lib.config.process_group import ProcessGroup
from lib.evaluation import figures
from lib.training.backend import device
from lib.training.distributed import join_process_group
from lib.worker import model_jobs, probe_job
from lib.worker.process import Channel
from lib.worker.training_jobs import open_dataset, read_hyperparameters, run_training


def main() -> None:
    """Serve one program, and tell it in a sentence what went wrong; this is the last boundary of the process."""
    program = Channel()
    try:
        serve(program)
    except UserError as error:
        program.tell("failed", kind="user", message=str(error))
    except Interrupted as error:
        program.tell("failed", kind="interrupted", message=str(error))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        program.tell("failed", kind="run", message=describe_failure(error))
    program.outlast()


def serve(program: Channel) -> None:
    """`open` a data set and `train` on it, or carry out one of the other `VERBS`; then end."""
    request = program.request()
    if request["verb"] in JOBS:
        JOBS[request["verb"]](program, request)
        return
    team = ProcessGroup(**request["team"]) if request.get("team") else None
    if team:
        join_process_group(team)
    dataset = open_dataset(read_hyperparameters(request))
    program.tell("ready", device=device())
    run_training(program, program.request(), dataset, team)


def draw_comparison(program: Channel, request: dict) -> None:
    """Draw the runs' metric against each hyperparameter that differs between them."""
    figures.comparison(request["points"], request["metric"], Path(request["path"]))
    program.tell("finished", path=request["path"])


def probe(program: Channel, request: dict) -> None:
    """Probe the encoder of a saved model with a labeled data set."""
    hp = read_hyperparameters(request)
    probe_job.run_probe(program, request, hp, open_dataset(hp))


JOBS = {
    "compare": draw_comparison,
    "apply": model_jobs.apply,
    "predict": model_jobs.predict,
    "encode": model_jobs.encode,
    "generate": model_jobs.generate,
    "probe": probe,
}


if __name__ == "__main__":
    main()
