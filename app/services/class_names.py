"""All that somebody may call the classes of a project: names, second names, former names, names of merged ones."""

from collections.abc import Container, Iterable, Mapping

from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.folder_rules import alike
from app.services import class_log, classes


class KnownNames:
    """What a name from outside may mean; any spelling will do (``classes.name_key``)."""

    def __init__(self, session: Session, project: Project) -> None:
        present = {item.id: item for item in classes.listed(session, project)}
        offered = {key: item for key, item in present.items() if not item.retired}
        merged = class_log.merged_into(session, project.id)
        former = class_log.former_names(session, project.id)
        self._names = _by_name(present.values())
        self._offered = _by_name(offered.values())
        ends = {one: _end(merged, one, offered) for one in merged if one in present and one not in offered}
        self._merged = {present[one].name_key: offered[end].name for one, end in ends.items() if end is not None}
        self._former = {key: offered[class_id].name for key, class_id in former.items() if class_id in offered}

    def find(self, name: str) -> str:
        """The class that has the name or second name, a retired one too; "" for none."""
        return self._names.get(classes.name_key(name), "")

    def other(self, name: str) -> tuple[str, str]:
        """Another class that may be meant, and why; two times "" for none.

        Why: "merged", the class of the name was merged into it; "renamed", it had the name before; "alike", it has a
        name much like it.
        """
        key = classes.name_key(name)
        if key in self._merged:
            return self._merged[key], "merged"
        if not key or key in self._names:
            return "", ""
        if key in self._former:
            return self._former[key], "renamed"
        close = alike(key, self._offered)
        return (self._offered[close], "alike") if close else ("", "")


def _end(merged: Mapping[int, int], class_id: int, offered: Container[int]) -> int | None:
    """The class that a merged one ended in, perhaps through others; None when that is offered no more."""
    seen = {class_id}
    while (following := merged.get(class_id)) is not None and following not in seen:
        if following in offered:
            return following
        seen.add(following)
        class_id = following
    return None


def _by_name(present: Iterable[LabelClass]) -> dict[str, str]:
    items = list(present)
    second = {classes.name_key(item.second_name): item.name for item in items if item.second_name}
    return second | {item.name_key: item.name for item in items}
