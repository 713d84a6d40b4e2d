# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a process counts while it serves: C integers, so that counting need never be switched off.

Whoever asks reads them when it asks; nothing is computed before.
"""

from vivace.server.statistics import DURATIONS

cdef extern from *:
    """
    #ifdef _WIN32
    #define WIN32_LEAN_AND_MEAN
    #include <windows.h>
    static double vivace_clock(void)
    {
        LARGE_INTEGER now, frequency;
        QueryPerformanceCounter(&now);
        QueryPerformanceFrequency(&frequency);
        return (double)now.QuadPart / (double)frequency.QuadPart;
    }
    static double vivace_wall_clock(void)
    {
        FILETIME now;
        GetSystemTimeAsFileTime(&now);
        /* tenths of microseconds since 1601 */
        return 1e-7 * (double)(((unsigned long long)now.dwHighDateTime << 32) + now.dwLowDateTime) - 11644473600.0;
    }
    #else
    #include <time.h>
    static double vivace_clock(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    #ifndef CLOCK_REALTIME_COARSE
    #define CLOCK_REALTIME_COARSE CLOCK_REALTIME
    #endif
    static double vivace_wall_clock(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    #endif
    """
    double vivace_clock() noexcept
    double vivace_wall_clock() noexcept

# How a request is spoken of.
WEBSOCKET = 0
HTTP1 = 1
HTTP2 = 2
PROTOCOLS = ("websocket", "http/1.1", "http/2")
ENCRYPTION = ("off", "on")


cpdef double clock() noexcept:
    """Seconds since whenever, as precise as the system tells: a call of `time.perf_counter` costs twice as much."""
    return vivace_clock()


cdef double wall_clock() noexcept:
    """Seconds since 1970, behind by a tick of the system's (1 to 10 ms) at most: 6 ns instead of 27."""
    return vivace_wall_clock()


cdef class Histogram:
    """How many values lie at or below each bound and above the one before; the last count is for what lies above all.

    ValueError for more than 32 bounds, or bounds that do not rise.
    """

    def __cinit__(self, bounds=DURATIONS):
        if len(bounds) > 32 or list(bounds) != sorted(set(bounds)):
            raise ValueError(f"a histogram takes up to 32 bounds, each above the one before, got {bounds!r}")
        self.size = 0
        for bound in bounds:
            self.bounds[self.size] = bound
            self.size += 1

    cpdef int observe(self, double value) except -1:
        """Count a value."""
        cdef Py_ssize_t place = 0
        while place < self.size and value > self.bounds[place]:
            place += 1
        self.counts[place] += 1
        self.total += value
        return 0

    def counted(self):
        """The counts, one more than there are bounds."""
        return [self.counts[place] for place in range(self.size + 1)]

    def summed(self):
        """The sum of all values."""
        return self.total


cdef class Counters:
    """Counts since the process began. Each is public for whoever counts, and read by `vivace.server.statistics`."""

    def __cinit__(self):
        self.http1_durations = Histogram()
        self.http2_durations = Histogram()
        self.waits = Histogram()
        self.loop_lags = Histogram()
        self.refused = {}

    cpdef int answered(self, int wire, int status) except -1:
        """A request has had its response, or a part of it that must do."""
        self.requests += 1
        if 0 <= status < 1000:
            self.statuses[wire][status] += 1
        return 0

    cpdef int took(self, int wire, double seconds) except -1:
        """So long, from head to response's end, took a request over HTTP/1.1 or HTTP/2."""
        if wire == 2:
            return self.http2_durations.observe(seconds)
        return self.http1_durations.observe(seconds)

    cpdef int connection_opened(self, int wire, bint encrypted) except -1:
        """A connection begins to be served."""
        self.opened[wire][encrypted] += 1
        self.open_now[wire][encrypted] += 1
        return 0

    cpdef int connection_closed(self, int wire, bint encrypted) except -1:
        """It has ended, or goes on as another protocol's."""
        self.open_now[wire][encrypted] -= 1
        return 0

    cpdef int refuse(self, str reason) except -1:
        """Nobody works on a request, or reads a connection, for that reason."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        return 0

    def responses(self):
        """How many there were, by protocol and status."""
        cdef dict found, result = {}
        cdef int wire, status
        for wire in range(3):
            found = {status: self.statuses[wire][status] for status in range(1000) if self.statuses[wire][status]}
            if found:
                result[PROTOCOLS[wire]] = found
        return result

    def connections(self):
        """How many are open, by protocol and whether TLS is on."""
        return by_protocol(self.open_now)

    def all_connections(self):
        """How many there have been."""
        return by_protocol(self.opened)


cdef dict by_protocol(long long[3][2] counts):
    cdef int wire, encrypted
    return {
        PROTOCOLS[wire]: {ENCRYPTION[encrypted]: counts[wire][encrypted] for encrypted in range(2)}
        for wire in range(1, 3)
    }
