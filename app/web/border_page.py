"""Puts together the page that says whether a run looks at padding and border."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from gettext import NullTranslations

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunClass
from app.domain import borders
from app.domain.alterations import OF_PADDING, Change
from app.domain.borders import Look, Tally
from app.services import border_looks, mean_maps, predictions, review
from app.services.border_looks import Looked, Looks
from app.services.mean_maps import Means
from app.storage import Store
from app.web import diary_page
from app.web.diary_page import Card
from app.web.review_query import ROLES, chosen_role, number_of

PARTS = ("padding", "border")
WHICH = ("right", "wrong")
TILES = 48


@dataclass(frozen=True)
class Row:
    """One line of the table: right or wrong answers, or the right answers of one class (a position)."""

    which: str
    said: int | None
    tally: Tally


@dataclass(frozen=True)
class Part:
    """Padding or border with its lines.

    Attributes:
        rings: the right answers, of all classes or of one, that ring the loudest.
        judged: enough right answers have a map, so silence means something.
        needed: the test without this part that changed most answers, of those that proved it to be used.
    """

    name: str
    rows: Sequence[Row]
    rings: Row | None
    judged: bool
    needed: Card | None


@dataclass(frozen=True)
class Shown:
    """A picture of the list with the share of the chosen part."""

    picture: Looked
    look: Look


@dataclass(frozen=True)
class BorderPage:
    """The page; ``shown`` are the pictures of the chosen part that look there most."""

    project: Project
    run: Run
    here: str
    on: str
    roles: Sequence[str]
    classes: Sequence[RunClass]
    found: Looks
    looked_parts: Sequence[Part]
    part: str
    which: str
    said: int | None
    shown: Sequence[Shown]
    matching: int
    ready: bool  # there are models and answers, so tests can be made
    edges: Sequence[tuple[Change, Card | None]]
    means: Means
    changes: Mapping[Change, str] = field(default_factory=lambda: diary_page.CHANGES)
    shows: Mapping[str, str] = field(default_factory=lambda: diary_page.SHOWS)


def build(
    session: Session,
    store: Store,
    project: Project,
    run: Run,
    roles: Sequence[str],
    query: Mapping[str, str],
    t: NullTranslations,
) -> BorderPage:
    """Everything on the page; ``query`` holds "on", "part", "which" and "said" (a class from 1)."""
    on = chosen_role(query, roles)
    found = border_looks.find(session, store, run, ROLES[on])
    classes = review.classes(session, run)
    tests = diary_page.edges(session, run, on, t)
    made = [_part(name, found.pictures, len(classes), _needed(name, tests)) for name in PARTS]
    parts = [one for one in made if one.rows]
    names = [one.name for one in parts]
    part = next((one for one in names if one == query.get("part")), names[0] if names else PARTS[1])
    which = next((one for one in WHICH if one == query.get("which")), "")
    number = number_of(query.get("said"), 1)
    said = None if number is None or number > len(classes) else number - 1
    fits = _fitting(found.pictures, part, which, said)
    return BorderPage(
        project=project,
        run=run,
        here="borders",
        on=on,
        roles=roles,
        classes=classes,
        found=found,
        looked_parts=parts,
        part=part,
        which=which,
        said=said,
        shown=fits[:TILES],
        matching=len(fits),
        ready=bool(roles) and predictions.has_models(session, run),
        edges=tests,
        means=mean_maps.find(session, run, ROLES[on]),
    )


def _look(name: str) -> Callable[[Looked], Look | None]:
    return lambda picture: picture.padding if name == "padding" else picture.border


def _needed(name: str, tests: Sequence[tuple[Change, Card | None]]) -> Card | None:
    """What heat may miss: the picture without the part is proven to be judged worse."""
    mine = [card for change, card in tests if (change in OF_PADDING) == (name == "padding") and card and card.used]
    return max(mine, key=lambda card: int((card.entry.row.result or {})["changed"]), default=None)


def _part(name: str, pictures: Sequence[Looked], classes: int, needed: Card | None) -> Part:
    look = _look(name)
    groups: list[tuple[str, int | None, list[Looked]]] = [
        ("right", None, [one for one in pictures if one.right]),
        ("wrong", None, [one for one in pictures if not one.right]),
    ]
    if classes > 1:
        groups += [
            ("right", at, [one for one in pictures if one.right and one.predicted == at]) for at in range(classes)
        ]
    rows = []
    for which, said, group in groups:
        counted = borders.tally([one for one in map(look, group) if one is not None])
        if counted is not None:
            rows.append(Row(which, said, counted))
    right = [row for row in rows if row.which == "right"]
    loud = max((row for row in right if row.tally.rings), key=lambda row: row.tally.interval.low, default=None)
    return Part(name, rows, loud, any(row.tally.count >= borders.FEWEST for row in right), needed)


def _fitting(pictures: Sequence[Looked], part: str, which: str, said: int | None) -> list[Shown]:
    """The pictures that look there much, those that do so most first."""
    look = _look(part)
    shown = [Shown(one, found) for one in pictures if (found := look(one)) is not None and found.much]
    fits = [
        one
        for one in shown
        if (not which or one.picture.right == (which == "right")) and said in (None, one.picture.predicted)
    ]
    return sorted(fits, key=lambda one: one.look.area - one.look.energy)
