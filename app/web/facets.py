"""The filters of the gallery as links with counts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fastapi import Request

from app.db.models import Project
from app.domain.enums import ImageState, Split
from app.domain.text import N_
from app.services.gallery import NONE, Counts, ImageFilter
from app.web.pictures import REASONS, SPLITS, STATES
from app.web.templating import address

REASONS_SHOWN = 12
IMPORTS = 8  # the newest imports; older ones are reached from their own page

Say = Callable[[str], str]


@dataclass(frozen=True)
class Choice:
    """One link: what it is called, how many images it shows and whether it is the present one."""

    text: str
    href: str
    count: int
    current: bool
    value: str  # as in the query string, for the module that brings the counts up to date
    color: str = ""


@dataclass(frozen=True)
class Facet:
    """One way to choose images."""

    name: str
    title: str
    choices: list[Choice]

    @property
    def used(self) -> bool:
        """True when something other than the first choice is chosen."""
        return not self.choices[0].current


def facets(request: Request, project: Project, chosen: ImageFilter, counts: Counts, say: Say) -> list[Facet]:
    """All ways to choose images, those with something to choose."""

    def choice(text: str, other: ImageFilter, value: str, count: int, color: str = "") -> Choice:
        href = address(request.app, "gallery", slug=project.slug, query=other.to_query())
        return Choice(text, href, count, other == chosen, value, color)

    found = [
        Facet("class", say(N_("Class")), _classes(project, chosen, counts, say, choice)),
        Facet("split", say(N_("Split")), _splits(chosen, counts, say, choice)),
        Facet("state", say(N_("Training")), _states(chosen, counts, say, choice)),
        Facet("reason", say(N_("Excluded because")), _reasons(chosen, counts, say, choice)),
        Facet("mark", say(N_("Marks")), _marks(chosen, counts, say, choice)),
        Facet("import", say(N_("Import")), _imports(chosen, counts, say, choice)),
    ]
    alone = ("class", "mark", "reason")  # shown even with one thing to choose
    return [
        facet
        for facet in found
        if len(facet.choices) > (1 if facet.name in alone else 2) or facet.used or facet.name == "class"
    ]


def _classes(
    project: Project, chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]
) -> list[Choice]:
    free = replace(chosen, class_id=None, unlabelled=False)
    return [
        choice(say(N_("All")), free, "", sum(counts.classes.values())),
        choice(say(N_("Unlabelled")), replace(free, unlabelled=True), NONE, counts.classes.get(None, 0)),
        *(
            choice(item.name, replace(free, class_id=item.id), str(item.id), counts.classes.get(item.id, 0), item.color)
            for item in project.classes
            if not item.retired or counts.classes.get(item.id) or chosen.class_id == item.id
        ),
    ]


def _splits(chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]) -> list[Choice]:
    present = [name for name in (*Split, NONE) if counts.splits.get(None if name == NONE else name)]
    shown = [name for name in (*Split, NONE) if name in present or name == chosen.split]
    if shown == [NONE] and chosen.split is None:
        return [choice(say(N_("All")), chosen, "", counts.total)]
    return [
        choice(say(N_("All")), replace(chosen, split=None), "", sum(counts.splits.values())),
        *(
            choice(
                say(SPLITS[name]),
                replace(chosen, split=name),
                name,
                counts.splits.get(None if name == NONE else name, 0),
            )
            for name in shown
        ),
    ]


def _states(chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]) -> list[Choice]:
    active = counts.states.get(ImageState.ACTIVE, 0)
    excluded = counts.states.get(ImageState.EXCLUDED, 0)
    first = choice(say(STATES["active"]), replace(chosen, state=ImageState.ACTIVE, reason=None), "active", active)
    if not excluded and first.current:
        return [first]
    return [
        first,
        choice(say(STATES["excluded"]), replace(chosen, state=ImageState.EXCLUDED), "excluded", excluded),
        choice(say(STATES["all"]), replace(chosen, state=None, reason=None), "all", active + excluded),
    ]


def _reasons(chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]) -> list[Choice]:
    """Shown with the excluded images only: the reasons that were given, the most frequent first."""
    given = {reason: count for reason, count in counts.reasons.items() if reason}
    everything = choice(say(N_("All")), replace(chosen, reason=None), "", sum(counts.reasons.values()))
    if chosen.reason is None and (not given or chosen.state == ImageState.ACTIVE):
        return [everything]
    shown = sorted(given, key=lambda reason: -given[reason])[:REASONS_SHOWN]
    if chosen.reason is not None and chosen.reason not in shown:
        shown.append(chosen.reason)
    words = {reason: say(REASONS[reason]) if reason in REASONS else reason for reason in shown}
    return [
        everything,
        *(choice(words[one], replace(chosen, reason=one), one, counts.reasons.get(one, 0)) for one in shown),
    ]


def _marks(chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]) -> list[Choice]:
    shown = [name for name in ("unsure", "skipped", "note") if counts.marks.get(name) or name == chosen.mark]
    everything = choice(say(N_("All")), replace(chosen, mark=None), "", counts.marks.get(None, 0))
    words = {"unsure": say(N_("unsure")), "skipped": say(N_("skipped")), "note": say(N_("with a note"))}
    return [
        everything,
        *(choice(words[name], replace(chosen, mark=name), name, counts.marks.get(name, 0)) for name in shown),
    ]


def _imports(chosen: ImageFilter, counts: Counts, say: Say, choice: Callable[..., Choice]) -> list[Choice]:
    numbers = sorted((number for number in counts.imports if number is not None), reverse=True)[:IMPORTS]
    if chosen.import_number is not None and chosen.import_number not in numbers:
        numbers.append(chosen.import_number)
    everything = choice(say(N_("All")), replace(chosen, import_number=None), "", sum(counts.imports.values()))
    if len(numbers) < 2 and everything.current:
        return [everything]
    return [
        everything,
        *(
            choice(f"#{number}", replace(chosen, import_number=number), str(number), counts.imports.get(number, 0))
            for number in numbers
        ),
    ]
