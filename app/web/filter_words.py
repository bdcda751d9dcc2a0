"""The filters and the order of the gallery in words, and the fields that choose those without numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.db.run_models import Run
from app.domain.enums import LabelSource
from app.domain.text import N_
from app.services import people, run_answers
from app.services.image_filter import NONE, OF_RUN, ImageFilter, Order
from app.web.pictures import REASONS, SOURCES, SPLITS, STATES

Say = Callable[[str], str]
# The order and its reverse, as a reader would ask for them.
ORDERS: Mapping[str, str] = {
    Order.IMPORTED: N_("First imported first"),
    f"-{Order.IMPORTED}": N_("Last imported first"),
    Order.NAME: N_("Name, A to Z"),
    f"-{Order.NAME}": N_("Name, Z to A"),
    f"-{Order.LABELLED}": N_("Last labelled first"),
    Order.LABELLED: N_("First labelled first"),
    f"-{Order.SIZE}": N_("Largest first"),
    Order.SIZE: N_("Smallest first"),
    Order.CONFIDENCE: N_("Run least sure first"),
    f"-{Order.CONFIDENCE}": N_("Run most sure first"),
    f"-{Order.LOSS}": N_("Highest loss first"),
    Order.LOSS: N_("Lowest loss first"),
}
TITLES: Mapping[str, str] = {
    "class": N_("Class"),
    "split": N_("Split"),
    "state": N_("Training"),
    "import": N_("Import"),
    "q": N_("File name"),
    "mark": N_("Marks"),
    "reason": N_("Excluded because"),
    "by": N_("Labelled by"),
    "means": N_("Labelled in"),
    "from": N_("Labelled from"),
    "to": N_("Labelled until"),
    "checked": N_("Label found right"),
    "run": N_("Run"),
    "result": N_("Its answer"),
    "said": N_("It said"),
    "sort": N_("Order"),
}
RESULTS = {"right": N_("right"), "wrong": N_("wrong")}
YES_NO = {"yes": N_("yes"), "no": N_("no")}
MARKS = {"unsure": N_("unsure"), "skipped": N_("skipped"), "note": N_("with a note")}


@dataclass(frozen=True)
class Word:
    """One filter in words, and the query string without it."""

    name: str
    title: str
    text: str
    without: Mapping[str, str]


@dataclass(frozen=True)
class Fields:
    """What the form with further filters offers. Of people there is nothing to choose as long as there is one."""

    people: Sequence[str]
    means: Mapping[str, str]
    runs: Sequence[Run]
    classes: Sequence[LabelClass]
    orders: Mapping[str, str]


def words(project: Project, chosen: ImageFilter, say: Say) -> list[Word]:
    """Each filter that is used, in the order of the page."""
    query = chosen.to_query()
    found = []
    for name, value in query.items():
        gone = {name, *(("result", "said", "sort") if name == "run" else ())}  # they make no sense without a run
        without = {key: other for key, other in query.items() if key not in gone}
        found.append(Word(name, say(TITLES[name]), _text(project, name, value, say), without))
    return found


def _text(project: Project, name: str, value: str, say: Say) -> str:
    classes = {str(item.id): item.name for item in project.classes} | {NONE: say(N_("Unlabelled"))}
    known: Mapping[str, Mapping[str, str]] = {
        "class": classes,
        "said": classes,
        "split": SPLITS,
        "state": STATES,
        "mark": MARKS,
        "reason": REASONS,
        "means": SOURCES,
        "checked": YES_NO,
        "result": RESULTS,
        "sort": ORDERS,
    }
    if name in ("class", "said"):
        return classes.get(value, "?")
    if value in known.get(name, {}):
        return say(known[name][value])
    return f"#{value}" if name in ("import", "run") else value


def fields(session: Session, project: Project, chosen: ImageFilter, say: Say) -> Fields:
    """What can be chosen in this project."""
    names = people.listed(session, project.id)
    if chosen.by is not None and chosen.by not in names:
        names.append(chosen.by)
    runs = run_answers.finished(session, project.id)
    orders = {
        name: say(text) for name, text in ORDERS.items() if chosen.run is not None or name.strip("-") not in OF_RUN
    }
    return Fields(
        people=names if len(names) > 1 or chosen.by else [],
        means={name: say(SOURCES[name]) for name in LabelSource},
        runs=runs,
        classes=project.classes,
        orders=orders,
    )
