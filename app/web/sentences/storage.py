"""Sentences of the store of pictures and models; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "blob_damaged": N_(
        "A file in the store is not what it was when it was put there (%(hash)s). Restore it from a backup; "
        "python -m app check lists all such files."
    ),
    "move_blobs_missing": N_(
        "%(count)s files did not arrive (the first: %(first)s). Give the same command again; what has arrived is not "
        "sent twice."
    ),
    "move_changed": N_(
        "The old installation was changed while it was copied. Stop its server and its workers, "
        "empty the new database, and give the same command again."
    ),
    "move_damaged": N_(
        "%(count)s files are missing or not what they were when they were put there (the first: %(first)s). "
        "python -m app check names them and mends what it can; then give the same command again."
    ),
    "move_differs": N_(
        "The table %(table)s has %(before)s rows here and %(after)s there, or other values. Empty the new database and "
        "give the same command again."
    ),
    "move_jobs": N_("Jobs are running (%(count)s). Wait until they have ended, or cancel them, then try again."),
    "move_same": N_("Both installations are the same. Name another database or another store to move to."),
    "move_target_used": N_("The new database holds something else already. Name an empty one."),
    "move_workers": N_("Workers are alive: %(workers)s. Stop them and the server, then try again after 15 seconds."),
    "store_bucket_missing": N_(
        "The bucket for pictures and models does not exist. Make it, or correct MIWAKE_STORAGE_URL."
    ),
    "store_refused": N_(
        "The store of pictures and models refuses the access. Check MIWAKE_S3_KEY_ID and MIWAKE_S3_SECRET, and that "
        "this key may read, write, list and delete in the bucket."
    ),
    "store_unreachable": N_(
        "The store of pictures and models does not answer. Nothing is lost; try again in a moment. If it stays so, "
        "see whether the server at MIWAKE_S3_ENDPOINT runs."
    ),
    "upload_missing": N_("The uploaded file is not there any more. Upload it again."),
}
