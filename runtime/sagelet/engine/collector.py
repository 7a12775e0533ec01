"""What hosts print and note down, on its way to the store: arrival times, metrics."""

import threading
import time

from sagelet.domain.jobs import Job
from sagelet.domain.metrics import LINE_LIMIT, Datum, Scanner
from sagelet.domain.opt_ml import host_names
from sagelet.engine.bus import Bus
from sagelet.engine.metric_files import MetricFiles
from sagelet.execution.backend import Output
from sagelet.store import Store
from sagelet.store.logs import TimesWriter

#: Metrics are written in batches at least this far apart, in seconds.
FLUSH_EVERY = 0.2

#: Metric files are looked at this far apart, in seconds.
LOOK_EVERY = 1.0


class Collector:
    """One job's output. ``take`` is called by the backend's threads, a thread a host."""

    def __init__(self, job: Job, store: Store, bus: Bus | None = None) -> None:
        self._job = job
        self._store = store
        self._bus = bus or Bus()
        self._hosts: dict[str, _HostOutput] = {}
        noted = host_names(job.host_count) if job.kind.metrics else ()
        self._files = {host: self._files_of(host) for host in noted}
        self._noted: dict[str, list[Datum]] = {host: [] for host in noted}
        self._looked = 0.0
        self._lock = threading.Lock()
        self._flushed = 0.0
        self._deaf = False

    def restart(self, host: str) -> None:
        """Forget what was collected of a host whose log will be told from its start."""
        with self._lock:
            output = self._hosts.pop(host, None)
            if self._job.kind.metrics:
                self._files[host] = self._files_of(host)
                self._noted[host] = []
        if output:
            output.times.close()
        if self._job.kind.metrics:
            self._store.metrics.forget(self._job.name, host)

    def give_up(self) -> None:
        """Store nothing more: what still comes belongs to an attempt that does not count."""
        with self._lock:
            self._deaf = True
            for host in self._hosts.values():
                host.times.close()

    def take(self, output: Output) -> None:
        """Note the arrival and look for metrics."""
        with self._lock:
            if self._deaf:
                return
            host = self._hosts.get(output.host)
            if host is None:
                log = self._store.home.log(self._job.key, output.host)
                host = self._hosts[output.host] = _HostOutput(
                    TimesWriter(log), Scanner(self._job.metric_definitions, time.thread_time)
                )
        if self._job.metric_definitions:
            for piece, when in host.times.arrivals(output.offset, output.data, output.time):
                self._keep(host, host.scan(piece, when))
            while host.given_up:
                name = host.given_up.pop()
                text = f"{output.host}: the regular expression of metric '{name}' takes too long; "
                self._store.jobs_of(self._job.kind).note(
                    self._job.name, text + "it is not read any more"
                )
            if time.monotonic() - self._flushed > FLUSH_EVERY:
                self.flush()
        with self._lock:
            if not self._deaf:
                host.times.mark(output.offset + len(output.data), output.time)
        self._bus.tell("log", self._job.region, self._job.key, output.host)

    def finish(self, host: str) -> None:
        """The host's output is complete; its last line may lack a newline."""
        with self._lock:
            output = self._hosts.get(host)
        if output:
            self._keep(output, output.scan(b"\n", time.time()))
            output.times.close()
        with self._lock:
            if host in self._files:
                self._noted[host] += self._files[host].read(whole=True)
        self.flush()

    def _keep(self, host: "_HostOutput", found: list[Datum]) -> None:
        """Until the next flush, which other threads do too."""
        with self._lock:
            host.found += found

    def flush(self) -> None:
        """Write the metrics found so far."""
        with self._lock:
            self._flushed = time.monotonic()
            if self._deaf:
                return
            new = False
            for name, host in self._hosts.items():
                if host.found:
                    self._store.metrics.append(self._job.name, name, host.found)
                    host.found = []  # not before: what could not be stored is tried again
                    new = True
            if self._flushed - self._looked > LOOK_EVERY:
                self._looked = self._flushed
                for name, files in self._files.items():
                    self._noted[name] += files.read()
            for name, noted in self._noted.items():
                if noted:
                    self._store.metrics.append(self._job.name, name, noted)
                    self._noted[name] = []
                    new = True
        if new:
            self._bus.tell("metrics", self._job.region, self._job.key)

    def _files_of(self, host: str) -> MetricFiles:
        return MetricFiles(self._store.home.host(self._job.key, host))


class _HostOutput:
    """The scan of one host's output: whole lines only, long ones cut."""

    def __init__(self, times: TimesWriter, scanner: Scanner) -> None:
        self.times = times
        self.found: list[Datum] = []
        self.given_up = scanner.given_up
        self._scanner = scanner
        self._rest = b""

    def scan(self, data: bytes, now: float) -> list[Datum]:
        whole, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest = (self._rest + rest)[:LINE_LIMIT]
            return []
        text = (self._rest + whole).decode("utf-8", "replace")
        self._rest = rest[:LINE_LIMIT]
        return self._scanner.scan(text, now)
