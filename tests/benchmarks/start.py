"""Seconds until the first prompt and until the end of --help: median of nine starts after one warm-up.

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


def time_first_prompt(question: str, program: str, *arguments: str) -> float:
    started = time.perf_counter()
    screen = Terminal(program, *arguments)
    screen.see(question)
    seconds = time.perf_counter() - started
    screen.press(CTRL_C)
    screen.leaves()
    return seconds


def time_help(program: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, str(PROJECT / program), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    os.chdir(tempfile.mkdtemp())
    cases = {
        "autoencoder.py, first prompt": lambda: time_first_prompt("Data set", "autoencoder.py"),
        "autoencoder.py -d digits, first prompt": lambda: time_first_prompt(
            "Convolutional layers", "autoencoder.py", "-d", "digits"
        ),
        "classification.py, first prompt": lambda: time_first_prompt("Data set", "classification.py"),
        "autoencoder.py --help": lambda: time_help("autoencoder.py"),
        "classification.py --help": lambda: time_help("classification.py"),
    }
    print(f"{'median':>8} {'slowest':>8}")
    for name, measure in cases.items():
        seconds = [measure() for _ in range(STARTS + 1)][1:]
        print(f"{statistics.median(seconds):7.3f}s {max(seconds):7.3f}s  {name}")


if __name__ == "__main__":
    main()
