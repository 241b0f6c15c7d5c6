"""A process that follows a source: ``watch.py SOURCE FILE KEY=SECONDS...``; writes to FILE a line for all it sees."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sources import open_source
from edgeemo.edge.sources.live.limits import Backoff, Limits

sys.path.insert(0, str(Path(__file__).parent))
from scene import number_in

#: What a classifier takes for a frame.
_PAUSE_S = 0.02


def main() -> None:
    """Follow until SIGTERM comes or the source ends."""
    settings = dict(argument.split("=") for argument in sys.argv[3:])
    limits = Limits(
        open_s=float(settings.get("open", 4)),
        stall_s=float(settings.get("stall", 1)),
        frozen_s=float(settings.get("frozen", 0.6)),
        reopen_s=float(settings.get("reopen", 30)),
        retries=int(settings["retries"]) if "retries" in settings else None,
        wait="wait" in settings,
        backoff=Backoff(0.1, 0.4),
    )
    with open(sys.argv[2], "w", encoding="utf-8") as stream:

        def note(**values: object) -> None:
            print(json.dumps({"time": time.monotonic(), **values}), file=stream, flush=True)

        try:
            with open_source(sys.argv[1], limits=limits) as source:
                signal.signal(signal.SIGTERM, lambda *_: source.stop())
                for frame in source:
                    status = source.status
                    note(
                        state=status.state.value,
                        reason=status.reason,
                        reconnects=status.reconnects,
                        dropped=status.dropped,
                        index=None if frame is None else frame.index,
                        number=None if frame is None else number_in(frame.image),
                        size=None if frame is None else frame.image.shape[1::-1],
                    )
                    if frame is not None:
                        time.sleep(_PAUSE_S)
        except EdgeemoError as error:
            note(error=str(error))


if __name__ == "__main__":
    main()
