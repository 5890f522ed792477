"""How long a person waits for the first question and for --help: medians of nine starts, the first one not
counted.

python -m tests.benchmarks.start
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from tests.harness.terminal_session import CTRL_C, PROJECT, Terminal

STARTS = 9


def first_question(question: str, program: str, *words: str) -> float:
    began = time.perf_counter()
    screen = Terminal(program, *words)
    screen.see(question)
    waited = time.perf_counter() - began
    screen.press(CTRL_C)
    screen.leaves()
    return waited


def help_page(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, str(PROJECT / program), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    os.chdir(tempfile.mkdtemp())
    cases = {
        "autoencoder.py, first question": lambda: first_question("Data set", "autoencoder.py"),
        "autoencoder.py -d digits, first question": lambda: first_question(
            "Convolution layers", "autoencoder.py", "-d", "digits"
        ),
        "classification.py, first question": lambda: first_question("Data set", "classification.py"),
        "autoencoder.py --help": lambda: help_page("autoencoder.py"),
        "classification.py --help": lambda: help_page("classification.py"),
    }
    print(f"{'median':>8} {'slowest':>8}")
    for name, measure in cases.items():
        seconds = [measure() for _ in range(STARTS + 1)][1:]
        print(f"{statistics.median(seconds):7.3f}s {max(seconds):7.3f}s  {name}")


if __name__ == "__main__":
    main()
