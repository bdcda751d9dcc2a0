"""Moving images between splits without scripts."""

from urllib.parse import quote

import sqlalchemy as sa

from app.db.models import ChangeSet
from app.domain.enums import Split
from tests.train.pages import rows_of
from tests.train.test_splits import ids_of


def test_move_page__works_without_scripts(client, database):
    project = rows_of(database, {"a": 30, "b": 20}, test=3)
    with database.read() as session:
        tested, free = ids_of(session, Split.TEST), ids_of(session, None)
    address = f"/p/{project.slug}/splits/selection"
    assert f'formaction="{quote(address)}"' in client.get(f"/p/{project.slug}/images?view=pages").text
    page = client.post(address, data={"image": [*free[:2], tested[0]], "request_id": "gallery", "do": "move"}).text
    assert "3 images were selected." in page
    sent = {"images": f"{free[0]},{free[1]},{tested[0]}", "to": "validation", "request_id": "page"}
    page = client.post(address, data=sent).text
    assert "2 images will move." in page
    assert "1 image stays" in page
    done = client.post(f"{address}/move?class=1", data=sent)
    assert (done.url.path, done.url.params["class"]) == (f"/p/{project.slug}/images", "1")
    assert "2 images were moved." in done.text
    assert "1 image stays in the pinned test set" in done.text
    assert "2 images were moved." in client.post(f"{address}/move", data=sent).text  # sent twice, done once
    with database.read() as session:
        assert set(ids_of(session, Split.VALIDATION)) == set(free[:2])
        assert (
            session.scalar(sa.select(sa.func.count()).where(ChangeSet.field == "split", ChangeSet.image_count > 0)) == 1
        )


def test_move_page__means_all_that_match_where_nothing_is_ticked(client, database):
    project = rows_of(database, {"a": 30, "b": 20}, test=3)
    address = f"/p/{project.slug}/splits/selection"
    page = client.get(f"{address}?class=1").text
    assert "all that match the filter of the gallery: 33 images." in page
    sent = {"shown": "32", "to": "validation", "request_id": "all"}
    assert client.post(f"{address}/move?class=1", data=sent).status_code == 409  # more match than were shown
    assert "30 images were moved." in client.post(f"{address}/move?class=1", data={**sent, "shown": "33"}).text
    wrong = client.post(address, data={"to": "test", "together": "name", "pattern": "#", "request_id": "w"})
    assert wrong.status_code == 422
    assert wrong.text.count("field-error") == 1
