"""The page of an image names its copies with their labels and splits."""

from app.services.image_copies import of_image


def page_of(client, project, image):
    return client.get(f"/p/{project.slug}/images/{image.id}").text


def test_page__names_the_copies(client, database, planted):
    project = planted.project()
    first, other = planted.image(project, 0), planted.image(project, 40)
    assert "Copies of this image" not in page_of(client, project, first)
    planted.check(project)
    page = page_of(client, project, first)
    assert "Copies of this image" in page
    assert "different labels" in page
    assert "outside of it" not in page
    assert f"/images/{other.id}" in page
    assert "040.png" in page
    assert "犬 · No split yet" in page
    torn = page_of(client, project, planted.image(project, 41))
    assert "in the test set and outside of it" in torn
    assert "猫 · No split yet" in torn
    assert "Copies of this image" not in page_of(client, project, planted.image(project, 10))


def test_copies__of_a_group_that_is_kept(database, planted):
    project = planted.project()
    planted.check(project)
    image = planted.image(project, 2)
    with database.read() as session:
        (group,) = of_image(session, project.id, image.id)
    assert (group.count, group.exact, group.other_label, group.torn, group.kept_by) == (1, False, False, False, None)
    assert group.likeness is not None
    assert [row.id for row in group.images] == [planted.image(project, 42).id]
