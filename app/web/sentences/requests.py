"""Sentences of requests, database and settings; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "blob_missing": N_(
        "A stored file (%(hash)s) is missing from the data folder. Restore the folder from a backup or import again."
    ),
    "body_too_large": N_("The request is larger than %(limit_mb)s MB. Send fewer or smaller files at a time."),
    "content_type_refused": N_("The request has the wrong content type. Send JSON as application/json."),
    "database_busy": N_("The database is busy. Nothing was changed; wait a moment and try again."),
    "database_newer": N_(
        "The database was written by a newer version of Miwake (%(revision)s). Install that version or a newer one."
    ),
    "disk_full": N_("The disk is full, so nothing was stored. Free some space and try again; earlier work is safe."),
    "internal_error": N_(
        "Something went wrong that we did not expect. What you did last was not saved; earlier work is safe. "
        "The log has the details under the number %(id)s."
    ),
    "invalid_values": N_("Some values cannot be used. Each field says what it expects."),
    "method_refused": N_(
        "This address cannot be used in this way (%(method)s). Go back and use the buttons of the page."
    ),
    "page_missing": N_("There is nothing at this address. It may have been typed wrong, or the thing was removed."),
    "request_foreign": N_(
        "The request did not come from a page of this program, so it was refused. Open the page here and try again."
    ),
    "request_invalid": N_("The request has missing or wrong values: %(fields)s."),
    "request_unreadable": N_("The request could not be read. Reload the page and try again."),
    "setting_invalid": N_("The setting %(name)s is “%(value)s”, but it must be of the kind %(kind)s."),
    "setting_unknown": N_("There is no setting %(name)s. Known settings: %(known)s."),
    "value_unusable": N_(
        "The request holds a number that is too large or a character that cannot be stored. Correct it and try again."
    ),
}
