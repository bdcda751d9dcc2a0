"""A project in the making."""

import pytest

from app.config import Settings
from app.db.session import Database
from app.domain.enums import Split
from app.storage import LocalStore
from tests.health.pictures import Made, photo, saved


@pytest.fixture
def made(settings: Settings, database: Database, store: LocalStore) -> Made:
    """No picture yet."""
    return Made(database, store, settings)


@pytest.fixture
def planted(made: Made) -> Made:
    """Twenty pictures of each class; then a copy of 0 with another label (40), one of 1 in the test set (41), one of 2
    (42), a dark one (43) and one without anything on it (44)."""
    for number in range(40):
        made.add(saved(photo(number)), "猫" if number < 20 else "犬")
    made.add(saved(photo(0), 80), "犬")
    made.add(saved(photo(1).resize((60, 60))), "猫", split=Split.TEST)
    made.add(saved(photo(2).crop((3, 2, 70, 71)), 85), "猫")
    made.add(saved(photo(60).point([value // 40 for value in range(256)] * 3)), "猫")
    made.add(saved(photo(61).point([120] * 768)), "犬")
    return made
