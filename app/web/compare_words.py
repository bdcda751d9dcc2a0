"""What a comparison says, in sentences."""

import gettext
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.stats import exact
from app.domain.stats.paired import ClassFlips, Finding, Flips
from app.services.compare import Pairing, SharedClass
from app.web import i18n

MOST_NAMES = 6  # classes that a sentence names


@dataclass(frozen=True)
class Verdict:
    """One pairing in words. ``headline`` is the one plain sentence; ``tone`` is "good", "bad" or ""."""

    headline: str
    counts: str
    classes: str
    leaning: str
    tone: str


def verdict(
    found: Pairing, p: float, classes: Sequence[SharedClass], t: gettext.NullTranslations, language: str
) -> Verdict:
    """All sentences about a pairing; ``p`` is adjusted when there are several pairings."""
    finding = found.flips.finding(p)
    return Verdict(
        headline=headline(found.flips, finding, (found.first.run.number, found.second.run.number), t, language),
        counts=_counts(found, t, language),
        classes=class_sentence(found.classes, classes, t),
        leaning=_leaning(found, classes, t, language),
        tone={Finding.BETTER: "good", Finding.WORSE: "bad"}.get(finding, ""),
    )


def headline(
    flips: Flips, finding: Finding, numbers: tuple[int, int], t: gettext.NullTranslations, language: str
) -> str:
    """The one plain sentence: is the second run better than the first?"""
    _ = t.gettext
    values = {
        "first": numbers[0],
        "second": numbers[1],
        "points": points(abs(flips.difference or 0.0), language),
        "shown": points(flips.detectable, language),
    }
    if finding is Finding.NOTHING:
        return _("The runs have no picture in common, so nothing can be said.")
    if finding is Finding.BETTER:
        return _("Run %(second)s is better than run %(first)s: %(points)s points.") % values
    if finding is Finding.WORSE:
        return _("Run %(second)s is worse than run %(first)s: %(points)s points.") % values
    if flips.detectable is None:
        return _("No proven difference; these pictures are too few to show any.")
    if finding is Finding.SAME:
        return _(
            "No difference: both runs are right on the same pictures. These pictures can show %(shown)s points."
        ) % (values)
    return _("No proven difference; these pictures can show %(shown)s points.") % values


def points(share: float | None, language: str, *, sign: bool = False) -> str:
    """A difference of shares in points of a hundred: "4.1", with ``sign`` "+4.1"."""
    if share is None:
        return i18n.DASH
    return i18n.show_points(share, language) if sign else i18n.show_number(abs(share) * 100, language, 1)


def probability(p: float, language: str) -> str:
    """A p value as it is written: three decimals, or "< 0.001"."""
    if p < 0.001:
        return "< " + i18n.show_number(0.001, language, 3)
    return i18n.show_number(p, language, 3)


def _counts(found: Pairing, t: gettext.NullTranslations, language: str) -> str:
    flips = found.flips
    if not flips.total:
        return ""
    values = {
        "first": found.first.run.number,
        "second": found.second.run.number,
        "one": i18n.show_number(flips.first, language),
        "other": i18n.show_number(flips.second, language),
        "total": i18n.show_number(flips.total, language),
        "gained": i18n.show_number(flips.gained, language),
        "lost": i18n.show_number(flips.lost, language),
    }
    text = t.ngettext(
        "Of %(total)s common picture run %(first)s has %(one)s right, run %(second)s has %(other)s; %(gained)s became "
        "right and %(lost)s became wrong.",
        "Of %(total)s common pictures run %(first)s has %(one)s right, run %(second)s has %(other)s; %(gained)s became "
        "right and %(lost)s became wrong.",
        flips.total,
    )
    return text % values + fewest_sentence(flips, t)


def fewest_sentence(flips: Flips, t: gettext.NullTranslations) -> str:
    """What is said behind the counts where too few pictures changed side to prove anything."""
    fewest = exact.fewest_changes()
    if flips.changed >= fewest:
        return ""
    more = t.gettext("A difference can only be proven when at least %(fewest)s pictures change side.")
    return " " + more % {"fewest": fewest}


def class_sentence(rows: Sequence[ClassFlips], classes: Sequence[SharedClass], t: gettext.NullTranslations) -> str:
    """Which classes are provably better or worse."""
    if len(rows) < 2 or not any(row.flips.total for row in rows):
        return ""
    named = {
        finding: [classes[row.position].name for row in rows if row.finding is finding]
        for finding in (Finding.BETTER, Finding.WORSE)
    }
    if not any(named.values()):
        return t.gettext("For no single class a difference is proven.")
    sentences = []
    if named[Finding.BETTER]:
        sentences.append(t.gettext("Proven better: %(names)s.") % {"names": _names(named[Finding.BETTER], t)})
    if named[Finding.WORSE]:
        sentences.append(t.gettext("Proven worse: %(names)s.") % {"names": _names(named[Finding.WORSE], t)})
    return " ".join(sentences)


def _leaning(found: Pairing, classes: Sequence[SharedClass], t: gettext.NullTranslations, language: str) -> str:
    """Where classes moved against each other: the run may only say one of them more often."""
    proven = {row.finding for row in found.classes}
    if not {Finding.BETTER, Finding.WORSE} <= proven:
        return ""
    row = max(found.classes, key=lambda one: one.said_second - one.said_first)
    return t.gettext(
        "Run %(second)s says “%(name)s” %(more)s times instead of %(less)s; truly there are %(truly)s. "
        "A class that is said more often is found more often: that alone is no better model."
    ) % {
        "second": found.second.run.number,
        "name": classes[row.position].name,
        "more": i18n.show_number(row.said_second, language),
        "less": i18n.show_number(row.said_first, language),
        "truly": i18n.show_number(row.flips.total, language),
    }


def _names(names: Sequence[str], t: gettext.NullTranslations) -> str:
    shown = t.gettext(", ").join(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown += " " + t.gettext("and %(count)s more") % {"count": len(names) - MOST_NAMES}
    return shown
