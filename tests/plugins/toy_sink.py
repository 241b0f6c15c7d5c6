"""A sink for edgeemo: ``--toy-sink FILE`` writes the labels of each frame as a line of text."""

from pathlib import Path

import click

from edgeemo.edge.sinks import SinkContext, SinkKind, ThreadedSink, Update


class ToySink(ThreadedSink):
    def __init__(self, path: Path, context: SinkContext) -> None:
        super().__init__(f"labels in {path}", size=100, until=context.until)
        self.file = path.open("w" if context.force else "x")

    def take(self, update: Update) -> None:
        if update.frame is not None:
            print(*(face.label for face in update.faces), file=self.file)

    def finish(self) -> None:
        self.file.close()


def open_toy(context: SinkContext, toy_sink: str) -> ToySink:
    return ToySink(Path(toy_sink), context)


SINK = SinkKind(
    options=[click.Option(["--toy-sink"], metavar="FILE", help="Write the labels of each frame to FILE.")],
    open=open_toy,
    private=True,  # it passes on no pixels, so that --privacy allows it
)
