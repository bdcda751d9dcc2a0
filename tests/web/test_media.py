"""Pictures: our own copies inline, originals only as downloads."""

from io import BytesIO

import pytest
from PIL import Image as Picture

from app.web.own_copies import attachment
from tests import factories


@pytest.fixture
def image(database, store, project):
    with database.write() as session:
        return factories.add_images(session, store, project, 1)[0]


def test_media__copy_with_its_hash_is_kept_for_ever(client, project, image):
    answer = client.get(f"/p/{project.slug}/media/{image.id}/full?v={image.canonical_sha256}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] in ("image/png", "image/jpeg")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert Picture.open(BytesIO(answer.content)).size == (24, 24)


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123"])
def test_media__without_the_right_hash_it_is_asked_for_again(client, project, image, query):
    answer = client.get(f"/p/{project.slug}/media/{image.id}/thumb{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" not in answer.headers["cache-control"]


def test_original__comes_byte_for_byte_as_a_download(client, project, image):
    answer = client.get(f"/p/{project.slug}/images/{image.id}/original")
    assert answer.content == factories.png(0)
    assert answer.headers["content-type"] == "application/octet-stream"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert "filename*=UTF-8''%E7%B4%B0%E8%83%9E_0000.png" in disposition
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "name",
    ['a"; filename=evil.html', "a\r\nSet-Cookie: x=1", "血液\\..\\x", "<script>.png", "\u202egnp.exe", "", "..."],
)
def test_attachment__no_name_breaks_out(name):
    header = attachment(name)
    header.encode("ascii")
    quoted = header.split('"')
    assert len(quoted) == 3
    assert not set(quoted[1]) & set('\r\n"\\;/ ')
    assert "\r" not in header
    assert "\n" not in header


@pytest.mark.parametrize(
    "path", ["media/0/thumb", "media/999/full", "media/1/raw", "media/x/thumb", "images/999/original"]
)
def test_media__what_is_not_there_is_404(client, project, path):
    assert client.get(f"/p/{project.slug}/{path}").status_code == 404


def test_media__image_of_another_project_is_404(client, database, image):
    with database.write() as session:
        other = factories.make_project(session, "other")
    assert client.get(f"/p/{other.slug}/media/{image.id}/thumb").status_code == 404


def test_media__bytes_that_are_no_copy_of_ours_are_never_sent(client, store, project, image):
    store.path(image.thumbnail_sha256).write_bytes(b"<script>alert(1)</script>")
    answer = client.get(f"/p/{project.slug}/media/{image.id}/thumb")
    assert answer.status_code == 404
    assert "alert(1)" not in answer.text


def test_media__lost_blob_is_404_with_a_reason(client, store, project, image):
    store.delete(image.canonical_sha256)
    page = client.get(f"/p/{project.slug}/media/{image.id}/full", headers={"Accept": "application/json"})
    assert page.status_code == 404
    assert page.json()["error"]["code"] == "blob_missing"
