"""Everything that a prompt or a flag can set: one table, read by the parser, the prompts, the answers files and the README.

A field of `Hyperparameters` carries its kind (how an answer is read and bounded), its flags, its question and its help.
Adding a hyperparameter is adding one field.
"""

import dataclasses
import difflib
import shlex
from dataclasses import dataclass, field

from lib.errors import UserError
from lib.kinds import List, OneOf, Real, Several, Shares, Text, Whole

PROGRAMS = ("autoencoder", "classification")
TASKS = ("reconstruct",)


def setting(
    default,
    kind,
    *flags: str,
    help: str,
    question: str | None = None,
    programs=PROGRAMS,
    needed=False,
    **other_defaults,
):
    """A field of `Hyperparameters`; `needed` ones have no default, `other_defaults` are those of single programs, by name."""
    metadata = dict(
        kind=kind, flags=flags, help=help, question=question, programs=programs, needed=needed, defaults=other_defaults
    )
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Hyperparameters:
    """One run, whole: its data, its network and its training. Values are read, bounded and made canonical on creation.

    Raises `UserError` when a value is out of its bounds or two do not go together.
    """

    program: str = "autoencoder"

    dataset: str | None = setting(
        None,
        Text(),
        "-d",
        "--dataset",
        question="Data set",
        needed=True,
        help="training images: a file, a folder or a name",
    )
    labels: str | None = setting(
        None,
        Text(),
        "-dl",
        "--labels",
        question="Labels of the training images",
        programs=("classification",),
        help="labels of the training images, where the data set has none of its own",
    )
    testset: str | None = setting(
        None, Text(), "-t", "--testset", help="test images (default: those of the data set, else a part of it)"
    )
    test_labels: str | None = setting(
        None,
        Text(),
        "-tl",
        "--test-labels",
        question="Labels of the test images",
        programs=("classification",),
        help="labels of the test images, where the test set has none of its own",
    )
    model: str | None = setting(
        None, Text("an .h5 file"), "-model", "--model", question="Saved autoencoder or encoder", needed=True,
        programs=("classification",), help="the saved autoencoder.h5 or encoder.h5",
    )  # fmt: skip

    task: str = setting("reconstruct", OneOf(TASKS), "--task", programs=("autoencoder",), help="what the network learns")
    layers: int = setting(
        5, Whole(1, 64), "--layers", question="Convolution layers of the encoder (the decoder mirrors them)",
        programs=("autoencoder",), help="convolutions in the encoder; the decoder has as many",
    )  # fmt: skip
    kernel_size: int = setting(
        3, Whole(1, 64), "--kernel-size", question="Kernel size (3 means 3×3)",
        programs=("autoencoder",), help="height and width of each kernel, in pixels",
    )  # fmt: skip
    kernels: tuple[int, ...] = setting(
        (32,), Several(Whole(1, 4096)), "--kernels", question="Kernels per layer (one number, or one per layer: 8,12,16)",
        programs=("autoencoder",), help="kernels per layer: one number, or one per layer (8,12,16)",
    )  # fmt: skip
    fc_units: tuple[int, ...] = setting(
        (64,), List(Whole(1, 65536)), "--fc-units", question="Fully connected units (one layer: 64; two: 128,64)",
        programs=("classification",), help="units of each fully connected layer (64, or 128,64 for two layers)",
    )  # fmt: skip
    dropout: float = setting(
        0.2, Real(0, 1, open_high=True), "--dropout", question="Dropout (share of units silenced while training)",
        programs=("classification",), help="dropout after each fully connected layer, a share from 0",
    )  # fmt: skip
    epochs: int = setting(
        20, Whole(1, 100_000), "--epochs", question="Epochs", classification=15,
        help="passes over the training images (classification: in each of the two phases)",
    )  # fmt: skip
    batch_size: int = setting(128, Whole(1, 65_536), "--batch-size", question="Batch size", help="images per training step")
    learning_rate: float = setting(
        0.005, Real(0, 10, open_low=True), "--learning-rate", classification=0.01,
        help="highest learning rate of the schedule",
    )  # fmt: skip

    limit: int | None = setting(
        None, Whole(1, 2**63 - 1), "--limit", help="use at most this many training images; the test set stays whole"
    )
    seed: int = setting(0, Whole(0, 2**32 - 1), "--seed", help="seed of everything random")
    split: tuple[int, int, int] = setting(
        (80, 10, 10), Shares(), "--split",
        help="percentages for training/validation/test; with a test set of its own, the first two share the rest",
    )  # fmt: skip

    def __post_init__(self):
        if self.program not in PROGRAMS:
            raise UserError(f"program must be {' or '.join(PROGRAMS)}, not {self.program!r}")
        for setting_ in settings():
            value = getattr(self, setting_.name)
            if value is not None or setting_.default is not None:
                object.__setattr__(self, setting_.name, read(setting_.name, value))
        if len(self.kernels) == 1:
            object.__setattr__(self, "kernels", self.kernels[:1] * self.layers)
        if len(self.kernels) != self.layers:
            raise UserError(
                f"kernels {show('kernels', self.kernels)} are for {len(self.kernels)} layers, but layers is {self.layers}; "
                "give one number, or one per layer"
            )

    def to_json(self) -> dict:
        """The fields of this run's program, as JSON holds them (tuples become lists)."""
        return {"program": self.program} | {s.name: _plain(getattr(self, s.name)) for s in settings(self.program)}

    @classmethod
    def from_json(cls, record: dict, where: str) -> "Hyperparameters":
        """The inverse of `to_json`; missing fields take their defaults, an unknown one raises `UserError` naming it."""
        program = record.get("program", "autoencoder")
        return cls(**defaults(program) | known_answers(record, program, where))

    def command(self) -> str:
        """The command line that repeats this run without asking anything."""
        words = ["python", f"{self.program}.py"]
        usual = defaults(self.program)
        for setting_ in settings(self.program):
            value = getattr(self, setting_.name)
            if value is not None and (setting_.metadata["question"] or value != usual.get(setting_.name)):
                words += [setting_.metadata["flags"][-1], show(setting_.name, value)]
        return shlex.join([*words, "--no-input"])


def settings(program: str | None = None) -> list[dataclasses.Field]:
    """The fields that flags and prompts set, those of one program or all, in the order in which they are asked."""
    fields = [f for f in dataclasses.fields(Hyperparameters) if f.metadata]
    return [f for f in fields if program is None or program in f.metadata["programs"]]


def find(name: str) -> dataclasses.Field:
    """The field of that name."""
    return Hyperparameters.__dataclass_fields__[name]


def read(name: str, value):
    """A value as the field `name` wants it; `UserError` names the field and says what would work."""
    try:
        return find(name).metadata["kind"].read(value)
    except UserError as error:
        raise UserError(f"{words(name)} {error}") from None


def words(name: str) -> str:
    """The name of a field as people say it."""
    return {"dataset": "data set", "fc_units": "fully connected units"}.get(name, name.replace("_", " "))


def show(name: str, value) -> str:
    """A value as a person would type it."""
    return "" if value is None else find(name).metadata["kind"].show(value)


def defaults(program: str) -> dict:
    """The default of every field of a program (`None` where there is none)."""
    return {"program": program} | {s.name: s.metadata["defaults"].get(program, s.default) for s in settings(program)}


def known_answers(record, program: str, where: str) -> dict:
    """The fields in a JSON object that somebody may have edited: unknown keys and wrong values are refused by name."""
    if not isinstance(record, dict):
        raise UserError(f'{where}: must be a JSON object such as {{"epochs": 20}}')
    names = [s.name for s in settings(program)]
    answers = {}
    for key, value in record.items():
        if key == "program":
            if value != program:
                raise UserError(f"{where}: these are answers for {value}.py, not for {program}.py")
        elif key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            raise UserError(f"{where}: unknown key {key!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        elif value is not None:
            try:
                answers[key] = read(key, value)
            except UserError as error:
                raise UserError(f"{where}: {error}") from None
    return answers


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
