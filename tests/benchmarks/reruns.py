"""Memory over twenty runs in one session: of the program, and of all its processes at the menu.

python -m tests.benchmarks.reruns
"""

import os
import tempfile

import psutil

from tests.harness.terminal_session import DOWN, ENTER, Terminal

RUNS = 20


def megabytes(processes) -> float:
    return sum(process.memory_info().rss for process in processes) / 1e6


def main() -> None:
    os.chdir(tempfile.mkdtemp())
    screen = Terminal(
        "autoencoder.py",
        "-d",
        "digits",
        "--layers",
        "1",
        "--kernel-size",
        "3",
        "--kernels",
        "2",
        "--epochs",
        "1",
    )
    screen.see("Batch size")
    screen.press(ENTER)
    print("run  program MB  all MB at the menu")
    for run in range(1, RUNS + 1):
        screen.see("What next?")
        program = psutil.Process(screen.pid)
        print(
            f"{run:3}  {megabytes([program]):10.1f}  "
            f"{megabytes([program, *program.children(recursive=True)]):6.1f}",
            flush=True,
        )
        if run < RUNS:
            screen.press(ENTER)
            for question in (
                "Convolutional layers",
                "Kernel size",
                "Kernels per layer",
                "Epochs",
                "Batch size",
            ):
                screen.see(question)
                screen.press(ENTER)
    screen.press(*[DOWN] * 5, ENTER)
    screen.leaves()


if __name__ == "__main__":
    main()
