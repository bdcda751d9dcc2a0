"""The process that answers at once: what a crash, a hang, too much memory and a cancel cost."""

import dataclasses
import multiprocessing
import time

import pytest

from tests.jobs import fake_answers
from tests.jobs.processes import gone
from worker.interactive import Unanswered, Warm

pytestmark = pytest.mark.slow  # each starts a process or two


@pytest.fixture
def warm(settings):
    """Makes a ``Warm`` around one of the programs of ``fake_answers``; all are closed in the end."""
    made: list[Warm] = []

    def make(program, **changes):
        context = multiprocessing.get_context("spawn")
        made.append(Warm(context, dataclasses.replace(settings, **changes), program))
        return made[-1]

    yield make
    for one in made:
        one.close()


def go_on():
    return True


def pid(warm):
    return warm._process.process.pid


def test_answer__from_a_process_that_stays(warm, tmp_path):
    one = warm(fake_answers.good)
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER
    first = pid(one)
    seconds = []
    for _ in range(10):
        started = time.monotonic()
        assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.2  # it hears the answer at once, and does not look for it from time to time
    assert pid(one) == first
    assert one.info() == {"ready": True, "memory_mb": 1, "restarts": 0}


def test_crash__once_is_asked_again_and_answered(warm, tmp_path):
    one = warm(fake_answers.crash_once)
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER
    assert one.info()["restarts"] == 1


def test_crash__twice_is_a_reason_and_the_next_question_gets_a_new_process(warm, tmp_path):
    one = warm(fake_answers.crash_always)
    with pytest.raises(Unanswered) as error:
        one.ask(fake_answers.order(tmp_path), go_on)
    assert (error.value.code, error.value.params) == ("answer_crashed", {"signal": "SIGSEGV"})
    one._main = fake_answers.good
    one.close()
    one._closed.clear()
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER


def test_hang__is_ended_after_the_limit_and_replaced(warm, tmp_path):
    one = warm(fake_answers.hang_once, answer_seconds=3.0)
    started = time.monotonic()
    with pytest.raises(Unanswered) as error:
        one.ask(fake_answers.order(tmp_path), go_on)
    assert (error.value.code, error.value.params) == ("answer_slow", {"seconds": 3})
    assert time.monotonic() - started < 120
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER


def test_memory__a_process_that_grew_is_replaced(warm, tmp_path):
    one = warm(fake_answers.grow, warm_memory_mb=100)
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER
    assert one.info()["restarts"] == 1


def test_cancel__ends_the_question_at_once_and_its_process(warm, tmp_path):
    one = warm(fake_answers.hang_once)
    one._prepare(None)
    hanging = pid(one)
    started = time.monotonic()
    assert one.ask(fake_answers.order(tmp_path), lambda: False) is None
    assert time.monotonic() - started < 60  # of an hour
    assert gone(hanging)


def test_off__a_process_for_each_question_and_none_in_between(warm, tmp_path):
    one = warm(fake_answers.good, warm=0)
    one.prepare()
    assert one.ask(fake_answers.order(tmp_path), go_on).answer == fake_answers.ANSWER
    assert one.info()["ready"] is False


def test_close__ends_the_process_and_starts_no_other(warm, tmp_path):
    one = warm(fake_answers.good)
    one._prepare(None)
    last = pid(one)
    one.close()
    assert gone(last)
    assert one.ask(fake_answers.order(tmp_path), go_on) is None


@pytest.mark.ml
def test_graphics_cards__are_left_to_the_trainings(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # as for a worker with two of them
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=fake_answers.tell_cards, args=(far, 500))
    process.start()
    far.close()
    with near:
        assert near.recv() == "-1"
        assert near.recv().answer is None
    process.join(60)
    assert process.exitcode == 0
    process.close()
