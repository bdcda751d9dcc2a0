"""What the page of a run says of the weights it kept, of several views, of its stages and of where it began."""

import re

import sqlalchemy as sa

from app.db.models import Project
from app.db.run_models import EpochMetric, Run, RunFold
from app.services import references

OTHER, STAGE = "cd" * 32, "ef" * 32
VIEWS = {
    "images": 40, "plain_right": 30, "views_right": 38, "gained": 8, "lost": 0, "plain_loss": 0.7, "views_loss": 0.5,
    "changed": [],
}  # fmt: skip


def shown(client, run: Run, slug: str = "blood") -> str:
    answer = client.get(f"/p/{slug}/runs/{run.number}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


def test_page__both_best_epochs_and_their_stages_are_listed_with_what_is_the_model(client, database, holdout):
    with database.write() as session:
        fold = session.scalars(sa.select(RunFold).where(RunFold.run_id == holdout.id)).one()
        best, found = fold.best_epoch, {"val_loss": 0.4, "val_accuracy": 0.9, "test_images": 12, "test_right": 6}
        fold.weights_sha256 = "ab" * 32
        fold.metrics = fold.metrics | {
            "kept": {
                "val_loss": {"epoch": best, "stage": 2, **found, "weights_sha256": "ab" * 32},
                "val_accuracy": {"epoch": 2, "stage": 1, **found, "weights_sha256": OTHER},
                "stage 1": {"epoch": 2, "stage": 1, **found, "weights_sha256": OTHER},
            }
        }
        run = session.get_one(Run, holdout.id)
        run.recipe = run.recipe | {"architecture": "efficientnet-lite0", "unfrozen_blocks": 2}
        run.origin = {"run": 1, "model": 1, "epoch": 7, "weights_sha256": STAGE, "outputs": "new",
                      "moved_to_training": 3}  # fmt: skip
        session.execute(sa.update(EpochMetric).where(EpochMetric.run_id == run.id).values(stage=2))
    with database.read() as session:
        needed = references.kept(session)
    assert {bytes.fromhex(digest) for digest in ("ab" * 32, OTHER, STAGE)} <= needed, "a cleanup would take them"
    page = shown(client, holdout)
    assert "It computes with 32 bits throughout" not in page
    table = page.split('id="kept-table"')[1].split("</table>")[0]
    assert [row.count("Download model 1") for row in table.split("<tr")[2:]] == [1, 1]
    assert "best validation loss <span" in table
    assert "best validation accuracy · best of stage 1" in table
    assert table.count("the model") == 1
    assert "50.0%" in table
    assert '<th scope="col" class="numeric">Stage</th>' in page.split('id="epoch-table"')[1]
    assert "as of epoch 7" in page
    assert "3 images that it had learned from were kept out of the validation." in page
    assert f"begin={holdout.number}#f-begin" in page.replace("&amp;", "&")
    with database.write() as session:
        session.get_one(Run, holdout.id).environment = {"precision": "bfloat16"}
    assert "It computes with 32 bits throughout" in shown(client, holdout)


def test_page__several_views_stand_beside_the_plain_result_with_an_exact_test(client, database, holdout):
    assert 'id="views"' not in shown(client, holdout)
    with database.write() as session:
        run = session.get_one(Run, holdout.id)
        run.views = {"kind": "all", "views": 12, "test": VIEWS, "validation": {**VIEWS, "gained": 1, "views_right": 31}}
    card = shown(client, holdout).split('id="views"')[1].split("</section>")[0]
    assert "12 views" in card
    assert ("+20.0" in card, "0.008" in card, card.count("proven</span>")) == (True, True, 1)
    assert ("+2.5" in card, "1.000" in card) == (True, True)


def test_files__of_a_project_with_a_name_that_is_not_latin_are_downloads(client, database, holdout):
    with database.write() as session:
        session.execute(sa.update(Project).values(slug="血球"))
    for name in ("manifest.json?download=true", "script.py", "epochs.csv"):
        answer = client.get(f"/p/血球/runs/{holdout.number}/{name}")
        assert "%E8%A1%80%E7%90%83-run" in answer.headers["content-disposition"]
    answer = client.get(f"/p/血球/runs/{holdout.number}.json?download=true")
    assert "%E8%A1%80%E7%90%83-run" in answer.headers["content-disposition"]
