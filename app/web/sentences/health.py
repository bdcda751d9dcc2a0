"""Sentences of the health page; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "finding_act": N_("“%(value)s” is nothing that can be done here. Use one of the buttons of the page."),
    "finding_missing": N_("These findings are not there any more: another check has run since. Look at the new list."),
    "keep_undone_already": N_("Nothing is kept any more that could be shown again."),
    "topic_missing": N_("There is no list called “%(value)s” on the health page. Go back to the page and choose one."),
}
