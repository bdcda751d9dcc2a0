"""Errors that a person can cause or must know about.

An error carries a code and parameters, never a finished sentence: the sentence is made where it is shown, in the
language of the reader (``app.web.messages``), and says what happened, what was expected and how to fix it.
"""

from collections.abc import Mapping


class AppError(Exception):
    """A refusal with a reason. ``status`` is the HTTP status that a page or API call answers with.

    Args:
        code: key into the message catalogue, for example ``"class_name_taken"``.
        params: values that the sentence needs; plain strings and numbers only.
    """

    status = 400

    def __init__(self, code: str, /, **params: object) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: Mapping[str, object] = params

    def __str__(self) -> str:
        details = ", ".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.code} ({details})" if details else self.code


class NotFound(AppError):
    """The project, image or run does not exist (any more)."""

    status = 404


class Conflict(AppError):
    """Somebody else changed the same thing first; the parameters hold the other value."""

    status = 409


class Invalid(AppError):
    """A value that cannot be used, or, made by ``of_fields``, a form with such values."""

    status = 422
    fields: Mapping[str, AppError] = {}

    @classmethod
    def of_fields(cls, fields: Mapping[str, AppError]) -> "Invalid":
        """One error that carries the error of each field by its name."""
        error = cls("invalid_values")
        error.fields = dict(fields)
        return error

    def __str__(self) -> str:
        if not self.fields:
            return super().__str__()
        return "; ".join(f"{name}: {error}" for name, error in self.fields.items())


class Unusable(AppError):
    """A value that no database can hold. The transaction that met it can only be rolled back."""

    status = 422


class BadImage(AppError):
    """A file that is not a picture we accept; the code is the reason shown in the import report."""

    status = 422


class OutOfSpace(AppError):
    """The disk or the quota is full."""

    status = 507

    def __init__(self, **params: object) -> None:
        super().__init__("disk_full", **params)
