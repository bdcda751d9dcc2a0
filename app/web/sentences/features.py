"""Sentences about features of pictures; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "features_missing": N_("There are no features of the pictures yet. Have them computed first."),
    "list_missing": N_("The address does not say which pictures. Go back to a picture or to the map and choose there."),
}
