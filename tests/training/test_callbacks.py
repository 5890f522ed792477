"""Speed of the first batches of a training. python -m pytest tests/training/test_callbacks.py"""

from lib.runs.events import TrainingMeasured
from lib.runs.run_log import event_lines
from lib.training.callbacks import SpeedMeter


def test_the_first_batches_are_not_measured():
    meter, now = SpeedMeter(), 0.0
    measured = []
    for seconds in [30, 5, 2, *[1] * 10]:
        now += seconds
        measured.append(meter.seconds_per_batch(now))
    assert measured == [*[None] * 7, 1.0, *[None] * 5]
    assert meter.batches == 5


def test_an_epoch_that_is_over_sooner_is_not_measured():
    meter = SpeedMeter()
    assert [meter.seconds_per_batch(0.01 * batch) for batch in range(100)] == [None] * 100


def test_the_line_of_a_measurement():
    event = TrainingMeasured(batches=8, epoch_seconds=130.0, epochs=100, memory=1_940_000_000)
    assert event_lines(event, 100) == [
        "1.9 GB of memory; an epoch takes about 2 min, 100 epochs about 3.6 h (measured on 8 batches)"
    ]
