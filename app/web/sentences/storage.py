"""Sentences of the store of pictures and models; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "blob_damaged": N_(
        "A file in the store is not what it was when it was put there (%(hash)s). Restore it from a backup; "
        "python -m app check lists all such files."
    ),
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
