"""The command `search`, whose work is in `search`, with Optuna."""

from lib.cli.commands import Command
from lib.cli.display import Display
from lib.cli.parser import CommandParser, TrainingCommandParser
from lib.cli.session import Session
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import PROGRAMS
from lib.search.options import DEFAULT_TRIALS, SAMPLERS, SearchOptions, read_options


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
        add = parser.add_argument
        grid = (
            "values of a hyperparameter: kernels=16,32,64; separated by slashes if they contain commas: "
            "kernels=8,16/16,32"
        )
        span = "range of a number: learning-rate=0.0001..0.01:log, or kernels=8..64:8 with step 8"
        add("--grid", action="append", default=[], metavar="NAME=VALUES", help=grid)
        add("--range", action="append", default=[], metavar="NAME=LOW..HIGH", help=span)
        add("--sampler", choices=SAMPLERS, help="grid (default if there are only grids), random, or tpe")
        add(
            "--trials",
            metavar="N",
            help=f"total number of trials (default {DEFAULT_TRIALS}; a grid has one per point)",
        )
        add("--minutes", metavar="N", help="start no trial after this many minutes")
        add(
            "--folds",
            metavar="K",
            help="K-fold cross-validation of every trial (default: the validation set of --split)",
        )
        add(
            "--prune",
            action="store_true",
            default=None,
            help="stop trials that are worse than the median (default except for grids)",
        )
        add("--no-prune", action="store_false", dest="prune", help="train every trial to the end")
        add(
            "--keep",
            metavar="N",
            help="keep the models and figures of the best N trials only (default: of all); the records stay",
        )
        add("--study", metavar="NAME", help="name of the study (default: derived from the search)")
        add(
            "--storage",
            metavar="URL",
            help="database shared by several machines (default: SQLite in the folder of the search)",
        )
        add(
            "--no-retrain",
            action="store_true",
            help="do not retrain the best trial and do not use the test set",
        )

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
