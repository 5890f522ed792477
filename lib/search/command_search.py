"""The command `search`, whose work is in `search`, with Optuna."""

from lib.cli.commands import Command
from lib.cli.display import Display
from lib.cli.parser import CommandParser, TrainingCommandParser
from lib.cli.session import Session
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import PROGRAMS
from lib.search.options import SAMPLERS, SearchOptions, read_options
from lib.search.questions import DEFAULT_TRIALS, NUMBER_TYPES


class SearchCommand(Command):
    """Search for hyperparameters."""

    name = "search"
    programs = PROGRAMS
    description = "Search for better hyperparameters; all other flags apply to every trial."
    order = 40
    menu_text = "Search for better hyperparameters"
    menu_order = 50

    def make_parser(self, program: str) -> CommandParser:
        """Return a parser that has the flags of train for all trials, and those of a search."""
        output_help = "folder of the search (default models/search-<dataset>-<digest>)"
        parser = TrainingCommandParser(program, self.name, self.description, output_help)
        self.add_flags(parser)
        return parser

    def add_flags(self, parser: CommandParser) -> None:
        add = parser.add_value
        grid = (
            "values of a hyperparameter: kernels=16,32,64; separated by slashes if they contain commas: "
            "kernels=8,16/16,32"
        )
        span = "range of a number: learning-rate=0.0001..0.01:log, or kernels=8..64:8 with step 8"
        sampler = "grid (default if there are only grids), random, or tpe"
        trials = f"total number of trials (default {DEFAULT_TRIALS}; a grid has one per point)"
        folds = "K-fold cross-validation of every trial (default: the validation set of --split)"
        prune = "stop trials that are worse than the median (default except for grids)"
        keep = "keep the models and figures of the best N trials only (default: of all); the records stay"
        storage = "database shared by several machines (default: SQLite in the folder of the search)"
        add("--grid", "NAME=VALUES", grid, action="append", default=[])
        add("--range", "NAME=LOW..HIGH", span, action="append", default=[])
        parser.add_argument("--sampler", choices=SAMPLERS, help=sampler)
        add("--trials", "N", trials, NUMBER_TYPES["trials"])
        add("--minutes", "N", "start no trial after this many minutes", NUMBER_TYPES["minutes"])
        add("--folds", "K", folds, NUMBER_TYPES["folds"])
        parser.add_argument("--prune", action="store_true", default=None, help=prune)
        no_prune = "train every trial to the end"
        parser.add_argument("--no-prune", action="store_false", dest="prune", help=no_prune)
        add("--keep", "N", keep, NUMBER_TYPES["keep"])
        add("--study", "NAME", "name of the study (default: derived from the search)")
        add("--storage", "URL", storage)
        parser.add_switch("--no-retrain", "do not retrain the best trial and do not use the test set")

    def run(self, program: str, arguments: list[str]) -> int:
        """Carry out a search.

        Raises:
            UserError: an option is invalid, or the data cannot be used.
            RunFailed: no trial is complete, or the winner cannot be trained.
            Interrupted: the search was stopped; the same command continues it.
        """
        return self._search(self.options(program, arguments), Display())

    def run_from_menu(self, session: Session) -> None:
        """Search with the settings of the session's last run for everything that is not varied."""
        last = Hyperparameters.from_json(session.last_run.record["hyperparameters"], "the last run")
        self._search(self.options(last.program, last.flags()), session.display)

    def options(self, program: str, arguments: list[str]) -> SearchOptions:
        """Return the options of a command line, from prompts as far as it leaves them open."""
        return read_options(program, self.make_parser(program).parse(arguments))

    def _search(self, options: SearchOptions, display: Display) -> int:
        from lib.search.search import Search  # with Optuna, which takes a while to load

        return Search(options, display).run()
