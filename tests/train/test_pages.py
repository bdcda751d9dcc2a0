"""The page of a new training: what is shown, what is refused and how, with a form and with JSON."""

import re
from io import BytesIO
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.models import Image
from app.db.run_models import Job
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.services import jobs
from app.web import preview
from tests import factories
from tests.train.pages import JSON, errors_of, form_of, read_form, rows_of, runs_in


@pytest.fixture
def pictures(database, store):
    """A project with 8 real pictures of each of 2 classes."""
    with database.write() as session:
        return factories.labelled_project(session, store, "血球", ["好中球", "単球"], 8)


def test_train__form_of_every_preset_starts_exactly_that_recipe(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    for number, preset in enumerate(PRESETS.values(), start=1):
        page = client.get(f"/p/{slug}/train", params={"preset": preset.name})
        assert page.status_code == 200
        answer = client.post(f"/p/{slug}/train", data=read_form(page.text), follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/p/{quote(slug)}/runs/{number}")
        assert runs_in(database)[-1].recipe == preset.recipe.to_json()


def test_train__starts_a_run_with_its_job(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    client.post(f"/p/{slug}/train", data=form_of(PRESETS["wbc"].recipe, name="最初の学習"), follow_redirects=False)
    with database.read() as session:
        job = session.scalars(sa.select(Job)).one()
        assert (job.kind, job.state, job.spec) == ("train", "queued", {"run_id": 1, "spread": "auto"})
    run = runs_in(database)[0]
    assert (run.name, run.actor, run.kind) == ("最初の学習", "tester", "kfold")


def test_train__wrong_values_keep_what_was_typed_and_focus_the_first(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    typed = form_of(name="keep <me>", epochs="many", batch_size="0", learning_rate="fast", image_size="64")
    page = client.post(f"/p/{slug}/train", data=typed)
    assert page.status_code == 422
    assert errors_of(page.text) == {
        "f-epochs": "“many” cannot be used. Type a whole number from 1 to 2000.",
        "f-batch_size": "“0” cannot be used. Type a whole number from 1 to 1024.",
        "f-learning_rate": "“fast” cannot be used. Type a number from 0.0000001 to 10.",
    }
    assert 'value="keep &lt;me&gt;"' in page.text
    assert 'name="image_size" value="64"' in page.text
    assert re.search(r'name="epochs" value="many"[^>]*aria-invalid="true"', page.text)
    assert re.findall(r'<li><a href="#([\w-]+)">', page.text) == ["f-epochs", "f-batch_size", "f-learning_rate"]
    assert '<details class="card more" open>' in page.text  # an error is never folded away
    assert runs_in(database) == []


def test_train__figures_wait_for_values_that_can_be_used(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    page = client.get(f"/p/{slug}/train", params=form_of(architecture="own", layers="[")).text
    box = page[page.index('id="preflight"') :].split("</section>")[0]
    assert re.findall(r'<a href="#([\w-]+)">', box) == ["f-layers"]
    assert "<dt>" not in box, "no figures of another recipe"
    network = page[page.index('id="network"') :].split("</section>")[0]
    assert errors_of(page)["f-layers"] in network
    assert "</strong> weights" not in network
    more = client.get(f"/p/{slug}/train", params=form_of(architecture="own", layers="[", epochs="many")).text
    assert "as soon as the values beside it can be used" in more
    assert re.search(r'<details class="card more" id="own-network" open>', page)
    refused = client.post(f"/p/{slug}/train", data=form_of(Recipe(architecture="conv4", image_size=32))).text
    assert "<dt>" in refused[refused.index('id="preflight"') :].split("</section>")[0], "refused, but a recipe"


BAD_INPUT = [
    ({}, Recipe(), "#data", "No image has a label yet. Label images of at least 2 classes first."),
    ({"猫": 20}, Recipe(), "#data", "Only the class “猫” has labelled images, but there must be at least 2"),
    (
        {"猫": 20, "犬": 4},
        Recipe(folds=5),
        "#f-folds",
        "at least one image for each of the 5 folds. Too small: 犬 (4)",
    ),
    ({"猫": 20, "犬": 1}, Recipe(), "#f-validation_share", "Each class needs at least 2 images"),
    (
        {"猫": 20, "犬": 20},
        Recipe(architecture="conv4", image_size=32),
        "#f-image_size",
        "too small for the network conv4. Choose at least 46 pixels.",
    ),
]


def test_train__bad_input_is_refused_with_a_reason(client, database, subtests):
    for sizes, recipe, place, sentence in BAD_INPUT:
        with subtests.test(sizes=str(sizes)[:40]):
            slug = rows_of(database, sizes).slug
            assert client.get(f"/p/{slug}/train", params=form_of(recipe)).status_code == 200
            page = client.post(f"/p/{slug}/train", data=form_of(recipe))
            assert page.status_code == 422
            summary = page.text[page.text.index('id="summary"') :].split("</ul>")[0]
            assert f'href="{place}"' in summary
            assert sentence in summary
            assert runs_in(database) == []


def test_train__of_a_pretrained_network_names_the_file_it_needs_and_warns_of_the_wrong_scale(client, database):
    slug = rows_of(database, {"好中球": 40, "単球": 10}).slug
    page = client.get(f"/p/{slug}/train", params={"preset": "transfer"}).text
    assert "block14_add" not in page  # blocks are numbered, not named
    assert "frozen" in page
    wrong = {"preset": "transfer", "architecture": "vgg16", "form": "1"}  # a tick that is not sent is off
    page = client.get(f"/p/{slug}/train", params=wrong).text
    assert "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in page
    assert "VGG16 was trained with pixels as BGR" in page


def test_train__data_box_counts_and_warns(client, database):
    slug = rows_of(database, {"好中球": 40, "単球": 10}).slug
    page = client.get(f"/p/{slug}/train", params={"preset": "cifar"}).text
    box = page[page.index('id="data"') :].split("</section>")[0]
    assert "<strong>45</strong> training · <strong>5</strong> validation" in box
    assert "36 · 4 · 0" in box
    assert "9 · 1 · 0" in box
    assert "“好中球” has 4.0 times as many images as “単球”" in box
    assert "There is no test set." in box
    assert "No worker is running" in page
    folds = client.get(f"/p/{slug}/train", params={"preset": "wbc"}).text
    assert "<strong>50</strong> in 5 folds" in folds
    assert "learns from about 40 images and is checked on about 10 others" in folds


def test_train__says_that_a_worker_is_free_or_how_many_wait(client, database):
    slug = rows_of(database, {"a": 10, "b": 10}).slug
    with database.write() as session:
        jobs.heartbeat(session, "host:1", {})
    assert "the training starts at once" in client.get(f"/p/{slug}/train").text
    client.post(f"/p/{slug}/train", data=form_of())
    assert "1 other training waits or runs" in client.get(f"/p/{slug}/train").text


def test_train__copies_the_settings_of_a_run(client, database):
    slug = rows_of(database, {"a": 10, "b": 10}).slug
    client.post(f"/p/{slug}/train", data=form_of(Recipe(epochs=7, seed=99), name="seven"))
    page = client.get(f"/p/{slug}/train", params={"from": 1}).text
    assert 'name="epochs" value="7"' in page
    assert 'name="seed" value="99"' in page
    assert 'value="seven"' in page
    assert client.get(f"/p/{slug}/train", params={"from": 2}).status_code == 404


def test_train__address_with_values_opens_that_form(client, database):
    slug = rows_of(database, {"a": 10, "b": 10}).slug
    page = client.get(f"/p/{slug}/train", params=form_of(Recipe(image_size=77))).text
    assert 'name="image_size" value="77"' in page
    layers = page[page.index('id="layers"') :].split("</table>")[0]
    assert "77×77×16" in layers


UNKNOWN = [{"preset": "nope"}, {"from": "99"}]


def test_train__unknown_preset_or_run_is_not_found(client, database, subtests):
    for query in UNKNOWN:
        with subtests.test(query=str(query)[:40]):
            assert client.get(f"/p/{rows_of(database, {'a': 3}).slug}/train", params=query).status_code == 404


def test_train__a_program_sends_json(client, database):
    slug = rows_of(database, {"a": 10, "b": 10}).slug
    sent = {"preset": "wbc", "folds": 3, "name": "by program", "augmentation": {"rotation": 90}}
    answer = client.post(f"/p/{slug}/train", json=sent, headers=JSON)
    assert (answer.status_code, answer.json()) == (201, {"run": 1, "url": f"/p/{quote(slug)}/runs/1"})
    expected = PRESETS["wbc"].recipe.updated({"folds": 3, "augmentation.rotation": 90})
    assert runs_in(database)[0].recipe == expected.to_json()
    again = client.post(f"/p/{slug}/train", json={"from": 1, "seed": 5}, headers=JSON)
    assert again.json()["run"] == 2
    assert runs_in(database)[1].recipe == expected.updated({"seed": 5}).to_json()


BAD_FIELDS = [
    ({"epochs": "x", "created_by": "me"}, {"epochs", "created_by"}),
    ({"preset": "nope"}, {"preset"}),
    ({"from": 7}, {"from"}),
    ({"from": "1"}, {"from"}),
    ({"from": 10**30}, {"from"}),
    ({"name": "n" * 201}, {"name"}),
    ({"name": ["cells", "second try"]}, {"name"}),
]


def test_train__json_errors_name_the_fields(client, database, subtests):
    for sent, fields in BAD_FIELDS:
        with subtests.test(sent=str(sent)[:40]):
            slug = rows_of(database, {"a": 10, "b": 10}).slug
            answer = client.post(f"/p/{slug}/train", json=sent, headers=JSON)
            assert answer.status_code == 422
            assert set(answer.json()["error"]["fields"]) == fields
            assert all(item["message"].endswith(".") for item in answer.json()["error"]["fields"].values())
            assert runs_in(database) == []


BROKEN = [b"{", b"[]", b"[" * 100_000, b'"x"', b"\xff"]


def test_train__broken_json_is_refused(client, database, subtests):
    for body in BROKEN:
        with subtests.test(body=str(body)[:40]):
            slug = rows_of(database, {"a": 10, "b": 10}).slug
            headers = {**JSON, "Content-Type": "application/json"}
            assert client.post(f"/p/{slug}/train", content=body, headers=headers).status_code == 422


def test_train__json_says_why_nothing_can_be_trained(client, database):
    slug = rows_of(database, {"a": 10}).slug
    answer = client.post(f"/p/{slug}/train", json={}, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_few_classes")


def test_augment__is_the_sprite_of_the_settings(client, pictures, store, database):
    with database.read() as session:
        image = session.get_one(Image, 1)
    recipe = Recipe(image_size=32).updated({"augmentation.rotation": 40, "augmentation.zoom_high": 1.5})
    query = {"image": 1, "draw": 4, "image_size": 32, "augmentation.rotation": 40, "augmentation.zoom_high": 1.5}
    answer = client.get(f"/p/{pictures.slug}/augment.jpg", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == preview.sprite(preview.tiles(store.get(image.canonical_sha256), recipe, 4))
    alone = client.get(f"/p/{pictures.slug}/augment.jpg", params={**query, "only": "rotation"})
    assert np.asarray(Picture.open(BytesIO(alone.content))).shape == (32, 64, 3)


BAD_PICTURES = [
    ({"augmentation.rotation": "500"}, 422),
    ({"image_size": "x"}, 422),
    ({"draw": "-1"}, 422),
    ({"only": "__class__"}, 422),
    ({"image": "999"}, 404),
    ({"image": str(10**30)}, 422),
]


def test_augment__bad_values_are_refused(client, pictures, subtests):
    for query, status in BAD_PICTURES:
        with subtests.test(query=str(query)[:40]):
            answer = client.get(f"/p/{pictures.slug}/augment.jpg", params={"image": 1, **query}, headers=JSON)
            assert answer.status_code == status
            assert answer.json()["error"]["message"].endswith(".")


def test_augment__images_of_other_projects_are_not_shown(client, pictures, database):
    other = rows_of(database, {"a": 1})
    assert client.get(f"/p/{other.slug}/augment.jpg", params={"image": 1}).status_code == 404


def test_train__bad_picture_values_give_a_message_in_place_of_the_strip(client, pictures):
    query = form_of(Recipe(), **{"augmentation.rotation": "500"})
    page = client.get(f"/p/{pictures.slug}/train", params=query).text
    part = page[page.index('id="preview"') :].split("</div>")[0]
    assert "“500” cannot be used. Type a number from 0 to 180." in part
    assert "<img" not in part
