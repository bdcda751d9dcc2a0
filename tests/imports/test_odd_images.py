"""The collection of broken, odd and hostile pictures through the real upload."""

import csv
from collections import Counter

import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.web.messages import SENTENCES

BATCH = 50


@pytest.mark.real
@pytest.mark.slow
def test_odd_images__each_has_a_verdict_and_a_reason(client, project, database, shared_data):
    folder = shared_data / "odd_images"
    with (folder / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    urls = client.post(f"/p/{project.slug}/imports", json={"name": "odd", "total": len(listed)}).json()
    results = []
    for start in range(0, len(listed), BATCH):
        files = [("files", (row["path"], (folder / row["path"]).read_bytes())) for row in listed[start : start + BATCH]]
        answer = client.post(urls["files"], files=files, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        results += answer.json()["results"]
    assert len(results) == len(listed) > 900
    for row, result in zip(listed, results, strict=True):
        refused = result["verdict"] == "refused"
        assert refused == (row["verdict_six_formats"] == "refuse"), (row["path"], result)
        if refused:
            assert result["code"] in SENTENCES
            assert result["message"]
            assert "Error" not in result["message"]
    counts = Counter(result["verdict"] for result in results)
    with database.read() as session:
        images = list(session.scalars(sa.select(Image)))
    assert len(images) == counts["new"] > 500
    scaled = {image.name for image in images if "scaled" in image.conversion}
    deep = {row["path"].split("/")[-1] for row in listed if row["tags"].startswith("deep") and row["mode"] != "I;16B"}
    assert len(scaled & deep) >= 12
    assert any(image.conversion.get("frames") for image in images)
    assert any(image.conversion.get("orientation") for image in images)
    assert client.get(urls["report"]).status_code == 200


@pytest.mark.real
def test_real_jpegs__through_the_upload(client, project, shared_data):
    files = sorted((shared_data / "wbc90").rglob("*.jpg"))[:20] or sorted((shared_data / "wbc90").rglob("*.png"))[:20]
    urls = client.post(f"/p/{project.slug}/imports", json={"name": "wbc", "total": len(files)}).json()
    parts = [("files", (path.relative_to(shared_data).as_posix(), path.read_bytes())) for path in files]
    results = client.post(urls["files"], files=parts, headers={"Accept": "application/json"}).json()["results"]
    assert {result["verdict"] for result in results} == {"new"}
