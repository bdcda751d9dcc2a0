"""What people do with classes, each as one change set that the history shows and can take back.

A class that was merged or retired keeps its row: history, runs and exports go on to name it.
"""

from collections.abc import Callable
from typing import TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, ImageCount, LabelClass, Project
from app.domain.enums import LabelSource
from app.domain.errors import Conflict, Invalid
from app.services import class_log, classes, gallery, labels
from app.services.label_log import start


class Who(TypedDict):
    """By whom and by which request classes are changed."""

    actor: str
    request_id: str


class Values(TypedDict, total=False):
    """What may be changed of a class."""

    name: str
    second_name: str
    description: str
    color: str
    key: str


def edit(session: Session, project: Project, class_id: int, values: Values, **who: Unpack[Who]) -> ChangeSet:
    """Rename a class, give it another second name, description, colour or key.

    Raises:
        As ``classes.update``.
    """

    def change() -> None:
        if "description" in values:
            classes.describe(session, project, class_id, values["description"])
        classes.update(
            session, project, class_id, name=values.get("name"), color=values.get("color"), key=values.get("key"),
            second_name=values.get("second_name"),
        )  # fmt: skip

    return _logged(session, project, change, **who)


def move(session: Session, project: Project, class_id: int, step: int, **who: Unpack[Who]) -> ChangeSet:
    """Move a class ``step`` places down (or up when negative); at the ends it stays.

    Raises:
        NotFound: the project has no such class.
    """
    return _logged(session, project, lambda: classes.move(session, project, class_id, step), **who)


def retire(session: Session, project: Project, class_id: int, retired: bool, **who: Unpack[Who]) -> ChangeSet:
    """Offer a class no more, or again; images keep it. A retired class gives its key away.

    Raises:
        NotFound: the project has no such class.
    """
    found = classes.by_id(session, project, class_id)
    return _logged(session, project, lambda: _retire(session, project, found, retired), **who)


def delete(session: Session, project: Project, class_id: int, **who: Unpack[Who]) -> ChangeSet:
    """Delete a class that nothing refers to. The history tells it; it is not taken back.

    Raises:
        As ``classes.delete``.
    """
    if (known := start(session, project.id, who["request_id"])) is not None:
        return known
    old_values = class_log.values(classes.by_id(session, project, class_id))
    classes.delete(session, project, class_id)
    act = class_log.act(session, project.id, **who)
    class_log.note_deleted(session, act, class_id, old_values)
    return act


def merge(
    session: Session, project: Project, from_id: int, into_id: int, *, shown: int | None = None, **who: Unpack[Who]
) -> ChangeSet:
    """Give all images of one class another one, excluded images too, and retire the first. One change set.

    ``shown``: how many images the person was told this concerns.

    Raises:
        NotFound: the project has no such class.
        Invalid: both are the same class.
        Conflict: more images than ``shown`` carry the class by now.
    """
    if (known := start(session, project.id, who["request_id"])) is not None:
        return known
    source, target = classes.by_id(session, project, from_id), classes.by_id(session, project, into_id)
    if source is target:
        raise Invalid("class_merged_into_itself", name=source.name)
    chosen = gallery.ImageFilter(class_id=source.id, state=None)
    if shown is not None:
        gallery.check_not_grown(session, project.id, chosen, shown)
    old_values = {item: class_log.values(item) for item in (source, target)}
    change_set = labels.assign_matching(session, project.id, chosen, target.id, source=LabelSource.CLASSES, **who)
    _retire(session, project, source, True)
    target.retired = False
    class_log.note(session, change_set, old_values, {source: target})
    return change_set


def split(
    session: Session,
    project: Project,
    chosen: gallery.ImageFilter,
    name: str,
    **who: Unpack[Who],
) -> ChangeSet:
    """Make a new class of the images that match. One change set.

    Raises:
        Invalid: the name is empty, too long or taken, or no image matches.
    """
    if (known := start(session, project.id, who["request_id"])) is not None:
        return known
    if not gallery.total(session, project.id, chosen):
        raise Invalid("nothing_selected")
    added = classes.add(session, project, name)
    change_set = labels.assign_matching(session, project.id, chosen, added.id, source=LabelSource.CLASSES, **who)
    class_log.note(session, change_set, {added: {}})
    return change_set


def total(session: Session, project: Project) -> dict[int, int]:
    """Class id -> number of images that carry it, excluded ones too: what a merge concerns."""
    query = sa.select(ImageCount.class_id, sa.func.sum(ImageCount.count))
    query = query.where(ImageCount.project_id == project.id, ImageCount.class_id != 0).group_by(ImageCount.class_id)
    return {class_id: int(count) for class_id, count in session.execute(query) if count}


def added(session: Session, project: Project, name: str, color: str | None, **who: Unpack[Who]) -> LabelClass:
    """Add a class, written into the history.

    Raises:
        As ``classes.add``.
    """
    if start(session, project.id, who["request_id"]) is not None:
        raise Conflict("class_added_already", name=name)
    made = classes.add(session, project, name, color=color)
    class_log.note(session, class_log.act(session, project.id, **who), {made: {}})
    return made


def _logged(session: Session, project: Project, change: Callable[[], object], **who: Unpack[Who]) -> ChangeSet:
    if (known := start(session, project.id, who["request_id"])) is not None:
        return known
    old_values = {item: class_log.values(item) for item in classes.listed(session, project)}
    change()
    session.flush()
    act = class_log.act(session, project.id, **who)
    class_log.note(session, act, old_values)
    return act


def _retire(session: Session, project: Project, label_class: LabelClass, retired: bool) -> None:
    label_class.retired = retired
    used = [item.key for item in classes.listed(session, project) if item is not label_class]
    label_class.key = "" if retired else classes.next_key(label_class.name, used)
    session.flush()
