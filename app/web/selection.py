"""Images as a page names them in JSON: all that match a filter."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.domain.errors import Invalid
from app.services import gallery
from app.services.gallery import ImageFilter


class Strict(BaseModel):
    """A body in which an unknown or misspelled field is an error."""

    model_config = ConfigDict(extra="forbid")


class Selection(Strict):
    """Images by filter: the query string of the gallery as an object, and how many the reader was told match."""

    filter: dict[str, str] | None = None
    shown: Annotated[int, Field(ge=0, le=2**53)] | None = None

    def chosen(self, session: Session, project_id: int) -> ImageFilter:
        """The filter as conditions can say it, checked against the number shown."""
        if self.filter is None:
            raise Invalid("selection_missing")
        chosen = gallery.resolved(session, project_id, ImageFilter.from_query(self.filter))
        if self.shown is not None:
            gallery.check_not_grown(session, project_id, chosen, self.shown)
        return chosen
