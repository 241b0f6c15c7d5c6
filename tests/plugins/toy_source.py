"""A source of frames for edgeemo: ``--source toy:N`` gives N gray ones."""

from collections.abc import Iterator

import numpy as np

from edgeemo.edge.sources import Frame, RecordedSource, SourceContext, SourceKind


class ToySource(RecordedSource):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if self.stopping:
                return
            image = np.full((48, 48, 3), 128, np.uint8)
            yield Frame(index, index / 10, image, f"toy:{self.count}")


def open_toy(value: str, context: SourceContext) -> ToySource:
    return ToySource(int(value.removeprefix("toy:")))


SOURCE = SourceKind(form="toy:N", help="N gray frames", accepts=lambda value: value.startswith("toy:"), open=open_toy)
