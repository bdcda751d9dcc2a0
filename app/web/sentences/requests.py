"""Sentences of requests, database and settings; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "blob_missing": N_(
        "A stored file (%(hash)s) is missing from the data folder. Restore the folder from a backup or import again."
    ),
    "body_too_large": N_("The request is larger than %(limit_mb)s MB. Send fewer or smaller files at a time."),
    "content_type_refused": N_("The request has the wrong content type. Send JSON as application/json."),
    "database_busy": N_("The database is busy. Nothing was changed; wait a moment and try again."),
    "database_damaged": N_(
        "The file %(file)s is no database of SQLite, or it is damaged. Move it away, and the files beside it whose "
        "names go on with -wal and -shm; then put a copy from a backup in its place, or begin with an empty database."
    ),
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
    "request_unmarked": N_(
        "The request does not say where it comes from, so it was refused. A program sends the header "
        "Sec-Fetch-Site: none; a browser that sends neither this nor Origin is too old."
    ),
    "request_unreadable": N_("The request could not be read. Reload the page and try again."),
    "setting_broker": N_(
        "%(name)s is no address of a broker that can be used. Write redis://:PASSWORD@HOST:6379/0, with rediss:// for "
        "TLS and special characters of the password as in an address (%%40 for @), or memory:// for no server."
    ),
    "setting_database": N_(
        "%(name)s is no address of a database that can be used. Write postgresql+psycopg://NAME:PASSWORD@HOST/DATABASE"
        ", with special characters of the password as in an address (%%40 for @), or sqlite:////FOLDER/FILE; leave it "
        "empty for SQLite in the data folder."
    ),
    "setting_invalid": N_("The setting %(name)s is “%(value)s”, but it must be one of: %(kind)s."),
    "setting_number": N_("The setting %(name)s is “%(value)s”, but it must be a number, such as 30 or 2.5."),
    "setting_small": N_("The setting %(name)s is “%(value)s”, but it must be at least %(least)s."),
    "setting_storage": N_(
        "%(name)s is no address of a store that can be used. Write s3://BUCKET or s3://BUCKET/FOLDER for a bucket, "
        "file:///FOLDER for a folder of this machine, or leave it empty for the data folder."
    ),
    "setting_storage_folder": N_(
        "The folder of the store %(folder)s cannot be made (%(reason)s). Correct its permissions, or name another one "
        "with MIWAKE_STORAGE_URL."
    ),
    "setting_weights_url": N_(
        "%(name)s is no address that files of weights can be downloaded from. Write http://HOST/FOLDER or "
        "https://HOST/FOLDER, without a name and a password."
    ),
    "setting_unknown": N_("There is no setting %(name)s. Known settings: %(known)s."),
    "setting_whole": N_("The setting %(name)s is “%(value)s”, but it must be a whole number, such as 8124."),
    "value_unusable": N_(
        "The request holds a number that is too large or a character that cannot be stored. Correct it and try again."
    ),
}
