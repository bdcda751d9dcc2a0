"""What a judgement with several views says, in sentences."""

from app.domain import views
from app.domain.stats.paired import Finding, Flips
from app.services.compare import Pairing, SharedClass
from app.web import compare_words, i18n, step_fields
from app.web.compare_words import Verdict
from app.web.run_words import Catalogue

CHOICES = step_fields.TEXTS["test_views"].choices


def kind(name: str, t: Catalogue) -> str:
    """The views in a few words: "12 views: moved and closer, mirrored too"."""
    words = CHOICES[name]
    return t.gettext(words)


def count(name: str, t: Catalogue) -> str:
    """How many views there are."""
    return t.gettext("%(count)s views") % {"count": len(views.VIEWS[name])}


def verdict(found: Pairing, classes: list[SharedClass], t: Catalogue, language: str) -> Verdict:
    """All sentences about several views beside the pictures as they are."""
    finding = found.flips.finding()
    return Verdict(
        headline=_headline(found.flips, finding, t, language),
        counts=_counts(found.flips, t, language),
        classes=compare_words.class_sentence(found.classes, classes, t),
        leaning="",
        tone={Finding.BETTER: "good", Finding.WORSE: "bad"}.get(finding, ""),
    )


def _headline(flips: Flips, finding: Finding, t: Catalogue, language: str) -> str:
    _ = t.gettext
    values = {
        "points": compare_words.points(abs(flips.difference or 0.0), language),
        "shown": compare_words.points(flips.detectable, language),
    }
    if finding is Finding.NOTHING:
        return _("No picture is left to judge by, so nothing can be said.")
    if finding is Finding.BETTER:
        return _("Several views are better: %(points)s points.") % values
    if finding is Finding.WORSE:
        return _("Several views are worse: %(points)s points.") % values
    if flips.detectable is None:
        return _("No proven difference; these pictures are too few to show any.")
    if finding is Finding.SAME:
        return _("No difference: the same pictures are right. These pictures can show %(shown)s points.") % values
    return _("No proven difference; these pictures can show %(shown)s points.") % values


def _counts(flips: Flips, t: Catalogue, language: str) -> str:
    if not flips.total:
        return ""
    values = {
        name: i18n.show_number(number, language)
        for name, number in {
            "total": flips.total,
            "one": flips.first,
            "other": flips.second,
            "gained": flips.gained,
            "lost": flips.lost,
        }.items()
    }
    text = t.ngettext(
        "Of %(total)s picture %(one)s is right as it is, %(other)s with several views; %(gained)s became right and "
        "%(lost)s became wrong.",
        "Of %(total)s pictures %(one)s are right as they are, %(other)s with several views; %(gained)s became right "
        "and %(lost)s became wrong.",
        flips.total,
    )
    return text % values + compare_words.fewest_sentence(flips, t)


def time(seconds: float, t: Catalogue, language: str) -> str:
    """The time for one picture in milliseconds."""
    value = seconds * 1000
    digits = 0 if value >= 100 else 1 if value >= 1 else 2
    return t.gettext("%(number)s ms") % {"number": i18n.show_number(value, language, digits)}
