"""Puts together the page of the groups in which a run is right less often than elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunClass
from app.domain.text import N_
from app.domain.weak import Group, Slice
from app.services import answers, review, weak_groups
from app.services.review import Entry, Filter, Show
from app.services.weak_groups import Found
from app.storage.arrays import Arrays
from app.web import i18n, review_page
from app.web.review_query import ROLES, chosen_role, number_of
from app.web.run_words import Catalogue

TILES = 60
LISTED = 40  # groups that are not proven to be weak
MORE_DIGITS = 3  # of the limits of a group that lie close together
NAMES = {
    "brightness": N_("Brightness"),
    "contrast": N_("Contrast"),
    "sharpness": N_("Sharpness"),
    "entropy": N_("Detail (entropy)"),
    "colourfulness": N_("Colourfulness"),
    "size": N_("Longer side in pixels"),
    "shape": N_("Width by height"),
    "mode": N_("Colour mode of the file"),
    "format": N_("File format"),
    "folder": N_("Folder"),
    "above": N_("Folder one level up"),
    "import": N_("Import"),
    "month": N_("Month it was taken"),
    "labelled": N_("Labelled by"),
    "class": N_("Class"),
    "alike": N_("Pictures that look alike"),
}


@dataclass(frozen=True)
class Line:
    """A group in words; ``key`` names it in the address."""

    group: Group
    name: str
    what: str
    key: str


@dataclass(frozen=True)
class WeakPage:
    """The page; ``shown`` are pictures of the chosen group, mistakes first."""

    project: Project
    run: Run
    here: str
    on: str
    roles: Sequence[str]
    classes: Sequence[RunClass]
    found: Found
    lines: Sequence[Line]
    others: Sequence[Line]
    chosen: Line | None
    shown: Sequence[Entry]
    page: int
    pages: int


def build(
    session: Session,
    kept: answers.Kept,
    arrays: Arrays,
    project: Project,
    run: Run,
    values: Mapping[str, str],
    language: str,
) -> WeakPage:
    """Everything on the page; ``values`` holds "on", "group" and "page"."""
    t = i18n.translations(language)
    _, roles = review_page.usual_role(session, run)
    on = chosen_role(values, roles)
    found = weak_groups.find(session, kept, arrays, run, ROLES[on])
    lines = [_line(one, t, language) for one in found.groups]
    chosen = next((one for one in lines if one.key == values.get("group")), None)
    places: list[int] = found.members(chosen.group.slice).tolist() if chosen else []
    pages = -(-len(places) // TILES)
    page = min(number_of(values.get("page"), 1) or 1, max(pages, 1))
    ids = [int(found.said.items[place]) for place in places[(page - 1) * TILES : page * TILES]]
    proven = [one for one in lines if one.group.weak]
    return WeakPage(
        project=project,
        run=run,
        here="weak",
        on=on,
        roles=roles,
        classes=found.classes,
        found=found,
        lines=proven,
        others=[one for one in lines if not one.group.weak and one.group.accuracy < one.group.rest][:LISTED],
        chosen=chosen,
        shown=review.entries(session, run, Filter(ROLES[on], show=Show.ALL), ids),
        page=page,
        pages=pages,
    )


def _line(group: Group, t: Catalogue, language: str) -> Line:
    one = group.slice
    return Line(group, t.gettext(NAMES[one.name]), _what(one, t, language), f"{one.name}-{one.part + 1}")


def _what(one: Slice, t: Catalogue, language: str) -> str:
    if one.low is not None and one.high is not None:
        low, high = limits(one.low, one.high, 0 if one.name == "size" else 2, language)
        return low if low == high else t.gettext("%(low)s to %(high)s") % {"low": low, "high": high}
    if one.name == "alike":
        return t.gettext("Group %(number)s") % {"number": one.value}
    return one.value


def limits(low: float, high: float, digits: int, language: str) -> tuple[str, str]:
    """Both limits with so many digits that they can be told apart, unless they are one number."""
    for more in range(digits, digits + MORE_DIGITS + 1):
        shown = i18n.show_number(low, language, more), i18n.show_number(high, language, more)
        if shown[0] != shown[1]:
            return shown
    text = i18n.show_number(low, language, digits)
    return text, text
