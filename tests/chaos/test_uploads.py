"""kill -9 of the web process while uploads are open: what was acknowledged is there, and nothing is doubled."""

import random
import threading
import time

import httpx
import pytest

from tests import factories
from tests.chaos.pages import Pages, open_pages, start_web
from tests.chaos.record import only_full, rounds, tally
from tests.chaos.site import Process, site
from tests.chaos.whole import check_whole, images

pytestmark = [pytest.mark.slow, only_full]

FILES, UPLOADS = 40, 4
SEED = 7


def test_web_killed_with_uploads_open(tmp_path):
    chance = random.Random(SEED)
    name = f"kill -9 of the web process with {UPLOADS} uploads open: acknowledged files are there, none twice"
    with tally(name) as told, site(tmp_path) as made:
        pages = open_pages(made)
        web = made.started[-1]
        for number in rounds(1, 10):
            with told.round():
                first, before = 1000 * (number + 1), images(made)
                with pages.client() as client:
                    begun = client.post(f"/p/{pages.slug}/imports", json={"name": "new", "total": FILES}).json()
                answers = number % UPLOADS  # the process is killed when so many requests were answered
                acknowledged = send_and_kill(pages, web, begun["files"], first, answers, chance.uniform(0, 0.05))
                assert acknowledged >= answers * FILES // UPLOADS
                web = start_web(made, pages.port)
                assert before + acknowledged <= images(made) <= before + FILES
                told.figure(f"files acknowledged of {FILES}", acknowledged)
                with pages.client() as client:  # the page knows of no answer, so it sends all of them again
                    for part in parts(first):
                        assert client.post(begun["files"], files=part).status_code == 200
                    client.post(begun["finish"])
                assert images(made) == before + FILES
        check_whole(made)


def parts(first: int) -> list[list[tuple[str, tuple[str, bytes, str]]]]:
    """The files as the page sends them, several in a request."""
    many = [("files", (f"{number}.png", factories.png(number), "image/png")) for number in range(first, first + FILES)]
    size = FILES // UPLOADS
    return [many[start : start + size] for start in range(0, FILES, size)]


def send_and_kill(pages: Pages, web: Process, address: str, first: int, answers: int, seconds: float) -> int:
    """Send all parts at the same time and kill the process ``seconds`` after so many were answered.

    Returns:
        How many files were acknowledged.
    """
    acknowledged: list[int] = []
    answered = threading.Semaphore(0)

    def send(part: list[tuple[str, tuple[str, bytes, str]]]) -> None:
        try:
            with pages.client() as client:
                answer = client.post(address, files=part)
        except httpx.TransportError:
            return  # the process died
        if answer.status_code == 200:
            acknowledged.append(len(part))
            answered.release()

    threads = [threading.Thread(target=send, args=(part,)) for part in parts(first)]
    for thread in threads:
        thread.start()
    for _ in range(answers):
        assert answered.acquire(timeout=60)
    time.sleep(seconds)  # the moment of the fault
    web.kill()
    for thread in threads:
        thread.join()
    return sum(acknowledged)
