"""Storage of a search: its URL, and the Optuna storage in a database."""

import re
from pathlib import Path

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from sqlalchemy.exc import SQLAlchemyError

from lib.common.errors import UserError, reason

HEARTBEAT_SECONDS = 10  # between two heartbeats of a worker
GRACE_SECONDS = 60  # without a heartbeat after which a worker counts as dead
BUSY_TIMEOUT = 60  # seconds that a worker waits for an SQLite file while others write to it
STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, OSError)  # of a storage that cannot be reached


def default_url(folder: Path) -> str:
    """Return the URL of the SQLite storage in the folder of a search. Raises `UserError` if it has none."""
    try:
        return sqlalchemy.URL.create("sqlite", database=str(folder / "study.db")).render_as_string()
    except UnicodeEncodeError:
        raise UserError(
            f"{folder}: its name is not UTF-8, which SQLite requires; choose another --output"
        ) from None


def make_storage(url: str) -> RDBStorage:
    """Return the storage of a URL, in which a worker that dies is noticed."""
    engine_options = (
        {"connect_args": {"timeout": BUSY_TIMEOUT}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    return RDBStorage(
        url.replace("{", "{{").replace("}", "}}"),  # Optuna takes it for a template
        engine_options,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )


def without_password(url: str) -> str:
    """Return a URL for the screen, with *** in place of passwords; whatever stands before an @ may be one."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return re.sub(r"^((?:[^/@]*//)?).*@", r"\1***@", url, flags=re.DOTALL)
    secret = {key: "***" for key in parsed.query if "pass" in key.lower()}
    if not secret and parsed.password is None:
        return url
    return parsed.update_query_dict(secret).render_as_string().replace("%2A%2A%2A", "***")


def is_in_memory(url: str) -> bool:
    """Return whether a URL names an SQLite database that no other process could open."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return False
    database = parsed.database or ""
    return parsed.get_backend_name() == "sqlite" and (
        database.removeprefix("file:").strip() in ("", ":memory:")
        or parsed.query.get("mode") == "memory"
        or parsed.query.get("vfs") == "memdb"
    )


def root_cause(error: BaseException) -> str:
    """Return the message of the innermost of chained errors of Optuna, SQLAlchemy and the driver."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, ModuleNotFoundError):
        return f"its driver, the Python package {error.name}, is not installed"
    if isinstance(error, sqlalchemy.exc.ArgumentError):
        return "it is not a database URL, such as sqlite:///search.db or postgresql://user@host/name"
    return reason(error)
