"""Entry point of the child process, `python -m lib.worker`: starts its watcher, then imports the rest."""

from lib.worker.watcher import start_watcher

if __name__ == "__main__":
    start_watcher()  # the libraries of the jobs start threads, which a fork does not copy

    from lib.worker.main import main

    main()
