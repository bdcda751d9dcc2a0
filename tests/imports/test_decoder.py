import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.decoder import Decoder
from app.domain.errors import BadImage
from tests.imports.pictures import huge_png, picture, pixels

# A child whose answers go wrong for certain requests, in the ways that a decoder can go wrong.
STUB = """
import os, sys, time
sys.path[:] = sys.argv[1:]
from app import decoder_child
from app.domain import imaging
real = imaging._decode
def _decode(data):
    if data == b'hang': time.sleep(60)
    if data == b'crash': os.abort()
    if data == b'exit': os._exit(3)
    if data == b'spin':
        while True: pass
    if data == b'memory': return bytearray(3 << 30)
    if data == b'noise':
        print('noise', flush=True)
        os.write(1, b'more noise')
        data = bytes.fromhex('PICTURE')
    return real(data)
imaging._decode = _decode
decoder_child.main()
""".replace("PICTURE", picture(9).hex())


def decoder_with(before: str) -> Decoder:
    """A decoder that does something before each picture and gives up after three seconds."""
    return Decoder(
        1, wall_seconds=3.0, code=STUB.replace("    if data == b'hang'", f"    {before}\n    if data == b'hang'")
    )


@pytest.fixture
def stub():
    decoder = Decoder(1, wall_seconds=5.0, code=STUB)
    yield decoder
    decoder.close()


@pytest.mark.parametrize(
    ("what", "code"), [(b"hang", "image_slow"), (b"crash", "image_crash"), (b"exit", "image_crash")]
)
def test_child__that_hangs_or_dies_costs_one_picture(stub, what, code):
    with pytest.raises(BadImage) as caught:
        stub.decode(what)
    assert caught.value.code == code
    assert stub.decode(picture()).width == 40


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces the limit of the address space")
def test_child__out_of_memory_is_a_refusal_and_a_fresh_process(stub):
    with pytest.raises(BadImage) as caught:
        stub.decode(b"memory")
    assert caught.value.code == "image_memory"
    assert stub.decode(picture()).width == 40


def test_child__output_of_a_library_does_not_mix_with_answers(stub):
    assert stub.decode(b"noise").width == 40
    assert stub.decode(picture(1)).height == 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of processor time")
def test_child__endless_loop_ends_by_processor_time():
    few = "\ndecoder_child.CPU_SECONDS = 2\n"
    decoder = Decoder(1, code=STUB.replace("from app.domain import imaging", "from app.domain import imaging" + few))
    try:
        with pytest.raises(BadImage) as caught:
            decoder.decode(b"spin")
        assert caught.value.code == "image_slow"
    finally:
        decoder.close()


def test_child__that_waits_for_the_next_picture_is_not_ended_by_the_alarm_of_the_last():
    quick = "\ndecoder_child.WALL_SECONDS = -2  # an alarm after three seconds\n"
    decoder = Decoder(1, code=STUB.replace("from app.domain import imaging", "from app.domain import imaging" + quick))
    try:
        assert decoder.decode(picture()).width == 40
        child = decoder._idle.queue[0]
        assert child is not None
        with pytest.raises(subprocess.TimeoutExpired):
            child._process.wait(3.6)
        assert decoder.decode(picture()).width == 40
    finally:
        decoder.close()


def test_pool__many_threads_share_two_processes():
    decoder = Decoder(2)
    try:
        wanted = [picture(seed) for seed in range(40)]
        results = {}

        def work(index):
            results[index] = decoder.decode(wanted[index])

        threads = [threading.Thread(target=work, args=(index,)) for index in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for index, data in enumerate(wanted):
            assert (pixels(results[index].canonical) == pixels(data)).all()
    finally:
        decoder.close()


def test_many__answers_in_order_with_refusals_between():
    decoder = Decoder(2)
    try:
        good, bad, last = decoder.decode_many([picture(), b"no picture", picture(1)])
        assert not isinstance(good, BadImage)
        assert isinstance(bad, BadImage)
        assert not isinstance(last, BadImage)
    finally:
        decoder.close()


@pytest.mark.parametrize("what", [b"crash", b"exit"])
def test_many__only_the_picture_that_kills_the_process_is_lost(stub, what):
    files = [picture(seed) for seed in range(6)]
    files[3:3] = [what]
    answers = stub.decode_some(files)
    assert [isinstance(answer, BadImage) for answer in answers] == [False] * 3 + [True] + [False] * 3
    for data, answer in zip(files[4:], answers[4:], strict=True):
        assert (pixels(answer.canonical) == pixels(data)).all()


def test_many__each_picture_has_the_whole_time():
    slow = decoder_with("time.sleep(1.0)")  # four of them take longer than one may
    try:
        answers = slow.decode_some([picture(seed) for seed in range(4)])
        assert [isinstance(answer, BadImage) for answer in answers] == [False] * 4
    finally:
        slow.close()


def test_limits__a_bomb_is_refused_at_once():
    decoder = Decoder(1)
    try:
        decoder.decode(picture())
        start = time.monotonic()
        with pytest.raises(BadImage):
            decoder.decode(huge_png(9000, 5000))
        assert time.monotonic() - start < 20
    finally:
        decoder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_close__leaves_no_process():
    before = set(filter(_is_child, Path("/proc").iterdir()))  # of other tests' decoders
    decoder = Decoder(1)
    decoder.decode(picture())
    (child,) = set(filter(_is_child, Path("/proc").iterdir())) - before
    decoder.close()
    assert not child.exists()


def _is_child(process: Path) -> bool:
    try:
        command, stat = (process / "cmdline").read_bytes(), (process / "stat").read_text()
    except OSError:
        return False
    return b"decoder_child" in command and stat.rpartition(")")[2].split()[1] == str(os.getpid())
