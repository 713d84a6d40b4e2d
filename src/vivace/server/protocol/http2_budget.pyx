# cython: language_level=3, cdivision=True
"""What a flood is made of costs the client nothing and us much; so there is only so much of it."""

from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode

# In how many seconds a budget fills up.
cdef double REFILL = 10.0


cdef class Budget:
    """So many frames of a kind at once. Time fills it up again; the clock is asked only once it is empty."""

    def __cinit__(self, double size, str reason, clock):
        self.size = self.left = size
        self.reason = reason
        self.clock = clock
        self.filled = clock()

    cdef int spend(self) except -1:
        """Pay for one. ConnectionFailed with ENHANCE_YOUR_CALM when there is nothing left."""
        cdef double now
        self.left -= 1
        if self.left < 0:
            now = self.clock()
            self.left += min(1.0, (now - self.filled) / REFILL) * self.size
            self.filled = now
            if self.left < 0:
                raise ConnectionFailed(ErrorCode.ENHANCE_YOUR_CALM, self.reason)
        return 0

    cdef void earn(self, double amount) noexcept:
        self.left = min(self.size, self.left + amount)
