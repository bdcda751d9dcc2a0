"""Reading ahead: the order stays, one thing is read in advance, and an error comes where it belongs."""

import threading

import pytest

from worker.ml.ahead import ahead


def test_ahead__gives_everything_in_its_order() -> None:
    assert list(ahead(lambda number: number * number, range(5))) == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]
    assert list(ahead(lambda number: number, [])) == []


def test_ahead__the_next_is_read_while_one_is_used_and_nothing_further() -> None:
    read = [threading.Event() for _ in range(4)]

    def note(number: int) -> int:
        read[number].set()
        return number

    for number, _made in ahead(note, range(4)):
        if number < 3:
            assert read[number + 1].wait(10)  # without being asked for
        assert not any(event.is_set() for event in read[number + 2 :])


def test_ahead__an_error_comes_in_its_turn() -> None:
    def reciprocal(number: int) -> float:
        return 1 / number

    values = ahead(reciprocal, [2, 1, 0, 4])
    assert [next(values), next(values)] == [(2, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_ahead__whoever_stops_early_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    values = ahead(lambda number: number, range(100))
    next(values)
    values.close()  # type: ignore[attr-defined]
    assert not set(threading.enumerate()) - before
