"""Reading of what comes next while the processor works on what is there."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(read: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Each of ``items`` with what ``read`` gives for it; one thread reads the next meanwhile, and nothing further.

    Raises:
        Exception: whatever ``read`` raises, when its item's turn has come.
    """
    with ThreadPoolExecutor(1) as thread:
        first: tuple[Item, Future[Made]] | None = None
        for item in items:
            second = (item, thread.submit(read, item))
            if first is not None:
                yield first[0], first[1].result()
            first = second
        if first is not None:
            yield first[0], first[1].result()
