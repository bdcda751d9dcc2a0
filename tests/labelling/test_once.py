"""What a page asks for several times is asked once while it reads, and never kept where it writes."""

from app.services.once import once


def test_once__lasts_as_long_as_the_transaction_that_reads(any_database):
    asked: list[str] = []

    def make() -> int:
        asked.append("x")
        return len(asked)

    with any_database.read() as session:
        assert [once(session, "a", make), once(session, "a", make), once(session, "b", make)] == [1, 1, 2]
        session.rollback()
        assert once(session, "a", make) == 3
    with any_database.read() as session:
        assert once(session, "a", make) == 4
    with any_database.write() as session:
        assert [once(session, "a", make), once(session, "a", make)] == [5, 6]
