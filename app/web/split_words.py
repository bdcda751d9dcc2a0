"""What a move between splits would do, or did, in words."""

from gettext import NullTranslations

from app.services.split_moves import Plan


def sentences(plan: Plan, tested_runs: int, say: NullTranslations, *, done: bool) -> list[str]:
    """One sentence for each thing to know, in the reader's language."""
    count = len(plan.moving)
    found: list[str] = []
    if done:
        text = say.ngettext("%(count)s image was moved.", "%(count)s images were moved.", count)
    else:
        text = say.ngettext("%(count)s image will move.", "%(count)s images will move.", count)
    found.append(_filled(text, count))
    if plan.mates:
        text = say.ngettext(
            "%(count)s of them was not selected: it belongs together with one that is.",
            "%(count)s of them were not selected: they belong together with one that is.",
            plan.mates,
        )
        found.append(_filled(text, plan.mates))
    if plan.pinned:
        text = say.ngettext(
            "%(count)s image stays: it, or one that belongs together with it, is in the pinned test set.",
            "%(count)s images stay: they, or others that belong together with them, are in the pinned test set.",
            plan.pinned,
        )
        found.append(_filled(text, plan.pinned))
    if plan.leaving:
        text = say.ngettext(
            "%(count)s image leaves the test set.", "%(count)s images leave the test set.", plan.leaving
        )
        found.append(_filled(text, plan.leaving))
    if tested_runs:
        text = say.ngettext(
            "%(count)s run has been tested; a comparison with it is no longer fair then.",
            "%(count)s runs have been tested; a comparison with them is no longer fair then.",
            tested_runs,
        )
        found.append(_filled(text, tested_runs))
    return found


def _filled(text: str, count: int) -> str:
    return text % {"count": f"{count:,}"}
