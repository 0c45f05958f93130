"""Words of workers: never waited for, never forged, never endless."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from runtime.testing.waiting import wait_until
from runtime.workers.logs import LONGEST_LINE, READ_BYTES, LineForwarder, LossyStream

PAGE = 4096
logger = logging.getLogger("words of workers")


class Pipe:
    """A pipe that holds one page; its ends are closed at most once."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PAGE)
        self._open = {self.reader, self.writer}

    def close(self, *ends: int) -> None:
        for end in self._open & set(ends or self._open):
            self._open.remove(end)
            os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


@pytest.fixture
def forwarder(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> LineForwarder:
    caplog.set_level(logging.INFO, logger.name)
    return LineForwarder(pipe.reader, "mlp/1#0", logger)


def test_what_is_printed_arrives(pipe: Pipe) -> None:
    stream = LossyStream(pipe.writer)
    print("a line of", 3, file=stream)
    assert os.read(pipe.reader, PAGE) == b"a line of 3\n"
    assert (stream.writable(), stream.fileno(), stream.dropped) == (True, pipe.writer, 0)


def test_a_full_pipe_never_blocks_and_every_lost_byte_is_counted(pipe: Pipe) -> None:
    stream = LossyStream(pipe.writer)
    text = "\N{SNOWMAN}" * PAGE
    assert stream.write(text) == PAGE
    assert stream.write("more") == 4
    assert stream.dropped == 3 * PAGE - PAGE + 4
    assert os.read(pipe.reader, 2 * PAGE) == text.encode()[:PAGE]


def test_words_that_nobody_can_read_any_more_are_lost_and_counted(pipe: Pipe) -> None:
    stream = LossyStream(pipe.writer)
    pipe.close(pipe.reader)
    assert stream.write("into the void") == 13
    assert stream.dropped == 13


def test_half_a_character_is_written_as_a_question_mark(pipe: Pipe) -> None:
    LossyStream(pipe.writer).write("\ud800!")
    assert os.read(pipe.reader, PAGE) == b"?!"


def test_lines_are_logged_with_the_workers_name_once_they_are_whole(
    pipe: Pipe, forwarder: LineForwarder, caplog: pytest.LogCaptureFixture
) -> None:
    os.write(pipe.writer, b"one\n\ntwo \xe2\x98")
    assert forwarder.pump()
    assert caplog.messages == ["[mlp/1#0] one"]
    os.write(pipe.writer, b"\x83\r\n")
    assert forwarder.pump()
    assert caplog.messages == ["[mlp/1#0] one", "[mlp/1#0] two \N{SNOWMAN}"]


def test_there_is_nothing_to_wait_for_in_an_empty_pipe(forwarder: LineForwarder) -> None:
    assert forwarder.pump()
    forwarder.drain()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"before\rafter", r"before\x0dafter"),
        (b"tab\there", r"tab\x09here"),
        ("next\N{LINE SEPARATOR}line".encode(), r"next\x2028line"),
        (b"nul\0", r"nul\x00"),
        (b"not \xff UTF-8", "not \N{REPLACEMENT CHARACTER} UTF-8"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), "caf\xe9"),
    ],
)
def test_what_could_forge_a_line_is_escaped(
    pipe: Pipe,
    forwarder: LineForwarder,
    caplog: pytest.LogCaptureFixture,
    raw: bytes,
    shown: str,
) -> None:
    os.write(pipe.writer, raw + b"\n")
    forwarder.pump()
    assert caplog.messages == [f"[mlp/1#0] {shown}"]


def test_a_long_line_is_cut(
    pipe: Pipe, forwarder: LineForwarder, caplog: pytest.LogCaptureFixture
) -> None:
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, 4 * PAGE)
    os.write(pipe.writer, b"x" * 2 * LONGEST_LINE + b"\nnext\n")
    forwarder.pump()
    assert caplog.messages == ["[mlp/1#0] " + "x" * LONGEST_LINE, "[mlp/1#0] next"]


def test_a_line_without_end_is_logged_in_pieces(
    pipe: Pipe, forwarder: LineForwarder, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        os.write(pipe.writer, b"x" * (LONGEST_LINE // 2 + 1))
        forwarder.pump()
    assert caplog.messages == ["[mlp/1#0] " + "x" * LONGEST_LINE] * 2


def test_the_last_words_are_logged_when_the_pipe_closes(
    pipe: Pipe, forwarder: LineForwarder, caplog: pytest.LogCaptureFixture
) -> None:
    os.write(pipe.writer, b"no newline")
    pipe.close(pipe.writer)
    assert forwarder.pump()
    assert not forwarder.pump()
    assert caplog.messages == ["[mlp/1#0] no newline"]


def test_draining_logs_what_is_left_and_waits_for_nobody(
    pipe: Pipe, forwarder: LineForwarder, caplog: pytest.LogCaptureFixture
) -> None:
    os.write(pipe.writer, b"one\ntwo")
    forwarder.drain()
    assert caplog.messages == ["[mlp/1#0] one", "[mlp/1#0] two"]


def test_draining_ends_though_words_go_on_coming(
    pipe: Pipe, forwarder: LineForwarder
) -> None:
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, READ_BYTES)
    written: list[int] = []

    def print_without_end() -> None:
        try:
            while True:
                written.append(os.write(pipe.writer, b"x" * (PAGE - 1) + b"\n"))
        except BrokenPipeError:
            return

    chatterbox = threading.Thread(target=print_without_end)
    chatterbox.start()
    wait_until(lambda: len(written) > 1, "the pipe fills")
    forwarder.drain()
    pipe.close(pipe.reader)
    chatterbox.join(30)
    assert not chatterbox.is_alive()


def test_closing_closes_the_pipe(pipe: Pipe, forwarder: LineForwarder) -> None:
    mine = LineForwarder(os.dup(pipe.reader), "mlp/1#0", logger)
    pipe.close(pipe.reader)
    mine.close()
    with pytest.raises(BrokenPipeError):
        os.write(pipe.writer, b"anyone?")
