"""Source that supervises a camera: lost, stalled, frozen, black or late, it is reported and reopened."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from ...common.errors import CameraError, EdgeemoError
from ..base import Frame, SourceState, SourceStatus
from .camera import Camera, CapturedFrame, StreamEnded
from .capture_thread import CaptureThread
from .frame_checks import FreezeDetector, is_black
from .limits import Limits

#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05
#: The pass gives None at least so often while there is nothing to classify.
HEARTBEAT_S = 1.0
#: Threads that hang in a driver, at most; with so many no other is started until one comes back.
MOST_HUNG = 4
#: How long the end waits for the reading thread, so that it lets the device go in order. One whose read takes longer is
#: left behind: the whole run has to end within 2 s.
_JOIN_S = 0.6
#: A pause of our own that is longer is not counted as a pause of the camera.
_OURS_S = 0.5
#: A camera that has given images for so long has recovered: the next loss starts with the shortest wait.
_STABLE_S = 5.0


class LiveSource:
    """Source of the newest fresh frames of a camera, for as long as it takes.

    A thread captures; frames that arrive while one is being classified are dropped but for the newest, and none is
    given twice. Every wait is a short one by our own clock, so nothing that a driver or a network does keeps the loop.

    Args:
        camera: camera to open, again and again.
        limits: deadlines.

    Raises:
        EdgeemoError: on entry: cannot be opened (unless it is to be waited for); in the pass over it: did not come back
            within the attempts allowed.
    """

    def __init__(self, camera: Camera, *, limits: Limits | None = None) -> None:
        self.name = camera.name
        self.skipped = 0
        self._camera = camera
        self._limits = limits or Limits()
        self._stopping = False
        self._stopped_s = 0.0
        self._status = SourceStatus(SourceState.STARTING, since=time.monotonic())
        self._reader: CaptureThread | None = None
        self._hung: list[CaptureThread] = []
        self._taken = self._before = 0  # frames of this reader that were looked at, and of all readers before it
        self._given = 0
        self._first_s: float | None = None
        self._attempts = self._openings = 0
        self._well_since: float | None = None
        self._stillness = FreezeDetector()
        self._trouble = ""

    @property
    def status(self) -> SourceStatus:
        """Current status of the camera."""
        return replace(
            self._status,
            reconnects=max(0, self._openings - 1),
            dropped=self._before + self._taken - self._given,
        )

    @property
    def hanging(self) -> bool:
        """Whether a thread of ours still hangs in a driver; to be asked after the end."""
        readers = [*self._hung, *([self._reader] if self._reader else [])]
        return any(reader.alive for reader in readers)

    def __enter__(self) -> LiveSource:
        self._reader = reader = CaptureThread(self._camera)
        if self._limits.wait:
            return self
        deadline = time.monotonic() + self._limits.open_s
        while not (self._stopping or reader.opened or reader.end) and time.monotonic() < deadline:
            reader.wait_opened(_TICK_S)
        failed = reader.end
        if not self._stopping and (isinstance(failed, EdgeemoError) or (failed is None and not reader.opened)):
            self.stop()
            if isinstance(failed, EdgeemoError):
                raise failed
            raise CameraError(
                f"camera {self.name} cannot be opened within {self._limits.open_s:g} s",
                hint="unplug it and plug it in again, or restart it",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._reader is not None:
            # The thread has been ending since the stop; what has passed in between is not waited for again.
            self._reader.join(max(_TICK_S, self._stopped_s + _JOIN_S - time.monotonic()))

    def stop(self) -> None:
        """End the pass and the thread; sets plain flags, because a signal handler must not wait for a lock."""
        self._stopped_s = self._stopped_s if self._stopping else time.monotonic()
        self._stopping = True
        if self._reader is not None:
            self._reader.stop()

    def __iter__(self) -> Iterator[Frame | None]:
        while not self._stopping:
            reason = yield from self._follow()
            if self._stopping or self._status.state is SourceState.ENDED:
                return
            yield from self._reopen(reason)

    def _follow(self) -> Generator[Frame | None, None, str]:
        """Yield frames until the camera is lost; return the reason."""
        reader = self._reader
        assert reader is not None
        began = usable = beat = looked = time.monotonic()
        is_open = False
        while not self._stopping:
            count, shot = reader.newest(self._taken, _TICK_S)
            now = time.monotonic()
            if now - looked > _TICK_S + _OURS_S:
                # We did not look: the model took its time, or the machine slept. That is not the camera's fault.
                usable += now - looked
            looked = now
            if reader.opened and not is_open:
                is_open, usable = True, now
                self._openings += 1
            if shot is not None:
                self._taken = count
                before = self._status
                frame = self._judge(shot, now)
                usable = usable if self._trouble else now
                if frame is not None or self._status is not before:
                    beat = now
                    yield frame
                    continue
            elif isinstance(reader.end, StreamEnded):
                if reader.end.failure is not None:
                    raise reader.end.failure
                self._change(SourceState.ENDED, "")
                return ""
            elif reader.end is not None:
                return str(reader.end)
            if reason := self._overdue(now, began, usable, is_open):
                return reason
            if now - beat >= HEARTBEAT_S:
                beat = now
                yield None
        return ""

    def _overdue(self, now: float, began: float, usable: float, is_open: bool) -> str:
        """Return why the camera counts as lost by our clock, or an empty string."""
        limits = self._limits
        if not is_open:
            return f"it cannot be opened within {limits.open_s:g} s" if now - began > limits.open_s else ""
        if now - usable > limits.stall_s:
            return f"{self._trouble or 'no image'} for {limits.stall_s:g} s"
        if self._status.state is SourceState.FROZEN and now - max(began, self._status.since) > limits.reopen_s:
            return self._status.reason
        return ""

    def _judge(self, shot: CapturedFrame, now: float) -> Frame | None:
        """Return the frame if it is fit to be classified; else None, and the status says why."""
        self._trouble = f"nothing but images older than {self._limits.max_age_s:g} s"
        if now - shot.taken > self._limits.max_age_s:
            return None
        image = shot.decode()
        if time.monotonic() - shot.taken > self._limits.max_age_s:
            # The machine slept over it, or is too slow for images of this size.
            return None
        self._trouble = ""
        if image is None:
            self._trouble = "nothing but damaged images"
            return None
        still = self._stillness.seconds(image, shot.arrived)
        if is_black(image):
            self._change(SourceState.BLACK, "the image is black: is the lens covered, or the light out?")
            return None
        if self._limits.frozen_s and still >= self._limits.frozen_s:
            self._change(SourceState.FROZEN, f"the same image for {self._limits.frozen_s:g} s: the camera is frozen")
            return None
        self._run(now)
        self._first_s = shot.arrived if self._first_s is None else self._first_s
        self._given += 1
        time_s = round(shot.arrived - self._first_s, 6)
        return Frame(self._before + self._taken - 1, time_s, image, self.name, shot.small)

    def _run(self, now: float) -> None:
        self._change(SourceState.RUNNING, "")
        self._well_since = now if self._well_since is None else self._well_since
        if now - self._well_since > _STABLE_S:
            self._attempts = 0

    def _reopen(self, reason: str) -> Generator[None, None, None]:
        """Give the thread up, wait, and start another."""
        assert self._reader is not None
        self._reader.stop()
        self._hung.append(self._reader)
        self._before, self._taken, self._well_since = self._before + self._taken, 0, None
        limits = self._limits
        self._attempts += 1
        if limits.retries is not None and self._attempts > limits.retries:
            attempts = "1 attempt" if limits.retries == 1 else f"{limits.retries} attempts"
            raise CameraError(
                f"camera {self.name} is lost and did not come back in {attempts} ({reason})",
                hint="check its cable, power and network, and that no other program uses it, then start again",
            )
        if (self._status.state, self._status.reason) != (SourceState.FROZEN, reason):
            # Reopened because it is frozen, a camera stays so until it shows something else.
            self._change(SourceState.RECONNECTING, reason)
        yield None
        yield from self._pause(limits.backoff.wait_s(self._attempts))
        while not self._stopping and not self._may_open():
            self._change(SourceState.RECONNECTING, "its driver hangs: unplug the camera, or restart the machine")
            self._status = replace(self._status, active=False)
            yield None
            yield from self._pause(HEARTBEAT_S)
        self._status = replace(self._status, active=True)
        if not self._stopping:
            self._reader = CaptureThread(self._camera)

    def _may_open(self) -> bool:
        self._hung = [reader for reader in self._hung if reader.alive]
        return len(self._hung) < MOST_HUNG

    def _pause(self, seconds: float) -> Generator[None, None, None]:
        end = time.monotonic() + seconds
        beat = time.monotonic()
        while not self._stopping and (now := time.monotonic()) < end:
            time.sleep(min(_TICK_S, end - now))
            if now - beat >= HEARTBEAT_S:
                beat = now
                yield None

    def _change(self, state: SourceState, reason: str) -> None:
        if (state, reason) != (self._status.state, self._status.reason):
            since = self._status.since if state is self._status.state else time.monotonic()
            self._status = replace(self._status, state=state, reason=reason, since=since)
