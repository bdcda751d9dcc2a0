"""How a command ends: errors become sentences on the error stream, and exit codes."""

from collections.abc import Callable

from sqlalchemy.exc import DatabaseError, OperationalError

from app.commands.common import Exit, explain, say
from app.commands.folder import FolderError
from app.commands.ports import AddressError
from app.db.session import is_damage
from app.domain.errors import AppError, Conflict, Invalid, NotFound


def ended(command: Callable[[], int]) -> int:
    """The exit code of ``command``, also when it cannot do what was asked for."""
    try:
        return command()
    except AppError as error:
        say(explain(error))
        return _code(error)
    except DatabaseError as error:
        if not isinstance(error, OperationalError) and not is_damage(error):
            raise
        say(f"The database cannot be used: {error.orig}")
        return Exit.UNUSABLE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.FAILED  # whoever read the output has gone


def _code(error: AppError) -> Exit:
    if isinstance(error, AddressError | FolderError) or error.code.startswith(("setting_", "database_")):
        return Exit.UNUSABLE
    return Exit.USAGE if isinstance(error, Invalid | NotFound | Conflict) else Exit.FAILED
