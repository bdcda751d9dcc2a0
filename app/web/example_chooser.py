"""Which picture the preview of the changes shows, and the others that a person can choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import Invalid, NotFound
from app.services import example_search, examples
from app.services.examples import Example
from app.services.image_filter import ImageFilter
from app.web.messages import sentence

ANOTHER = "another"  # asks for a picture by chance; the answer is the address with that picture in it


@dataclass(frozen=True)
class Sought:
    """What the controls above the pictures say: the class (an id, "none" or ""), and part of a name or a number."""

    class_id: str = ""
    text: str = ""

    @classmethod
    def read(cls, values: Mapping[str, object]) -> "Sought":
        """From the values of the form; what is too long is cut off."""
        return cls(*(str(values.get(name) or "").strip()[:200] for name in ("seek_class", "seek")))

    @property
    def chosen(self) -> ImageFilter:
        """As a filter of images. Raises Invalid: ``filter_invalid``."""
        return example_search.wanted(self.class_id, self.text)


@dataclass(frozen=True)
class Chooser:
    """The pictures that are offered.

    Attributes:
        shown: the chosen picture; None without pictures.
        found: what fits, or some of every class while nothing is sought; ``total``: how many fit.
        active: something is sought.
        message: why nothing can be sought, or the chosen picture is another one; "" otherwise.
        asked: the address names a picture, which must not lie in a closed part of the page then.
    """

    sought: Sought
    shown: Example | None
    found: Sequence[Example]
    total: int
    active: bool
    message: str
    asked: bool

    @property
    def image_id(self) -> int:
        """Of the chosen picture; 0 without one."""
        return self.shown.image_id if self.shown else 0

    @property
    def apart(self) -> bool:
        """True when the chosen picture is not among those that fit."""
        return self.shown is not None and self.shown not in self.found


def choose(
    session: Session, project: Project, sought: Sought, image: int | None, gettext: Callable[[str], str]
) -> Chooser:
    """What is offered; the first picture is chosen where ``image`` names none, or one that was removed since."""
    usual, message = examples.listed(session, project.id), ""
    found = example_search.Found(usual, len(usual))
    active = sought != Sought()
    if active:
        try:
            found = example_search.find(session, project.id, sought.chosen)
        except Invalid as error:
            found, message = example_search.Found([], 0), sentence(error, gettext)
    shown = next(iter([*found.images, *usual]), None)
    if image:
        try:
            shown = examples.one(session, project.id, image)
        except NotFound:
            message = gettext("Image %(image)s is no longer in this project; another picture is shown.") % {
                "image": image
            }
    return Chooser(sought, shown, found.images, found.total, active, message, image is not None)


def by_chance(session: Session, project: Project, sought: Sought, but: int | None) -> int | None:
    """Another picture of those that are sought; ``but`` where there is no other, or nothing can be sought."""
    try:
        return example_search.draw(session, project.id, sought.chosen, but) or but
    except Invalid:
        return but
