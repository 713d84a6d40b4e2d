cdef bytes decode_huffman(const unsigned char *p, Py_ssize_t size)
cdef Py_ssize_t huffman_size(const unsigned char *p, Py_ssize_t size) noexcept
cdef void write_huffman(const unsigned char *p, Py_ssize_t size, unsigned char *out) noexcept
