"""Sentences about features of pictures; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "features_missing": N_("There are no features of the pictures yet. Have them computed first."),
    "list_missing": N_("The address does not say which pictures. Go back to a picture or to the map and choose there."),
    "map_no_pictures": N_("None of the pictures could be read, so there is nothing to lay out. Import them again."),
    "map_of_run_impossible": N_(
        "Run %(run)s has no map of its own: its models are not there, or its network has no layer before the answer. "
        "Use the map by what the offline network sees."
    ),
}
