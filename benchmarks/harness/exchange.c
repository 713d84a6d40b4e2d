/* exchange: sends a message over and over and waits for its reply, on many connections at once.

   exchange PORT CONNECTIONS SECONDS RATE REPLY_SIZE OPENING MESSAGE REPLY_START

   OPENING, MESSAGE and REPLY_START are files. A connection first sends the opening, if it is not empty, and waits for an
   answer that ends with an empty line: that is a WebSocket's handshake. Then it sends the message, waits for REPLY_SIZE
   bytes that begin with REPLY_START, and so on: one message in flight on each connection.

   With RATE 0 the next message goes out when the reply has come. Otherwise messages are due at that rate, so many a
   second in all, whatever the server does; one that finds no connection free waits, and its latency counts from when it
   was due, not from when it was sent. So a server that stalls is charged for everybody who would have come meanwhile
   (what is called coordinated omission is corrected). Exchanges that are not over at the end count as lasting until then.

   Prints: exchanges, exchanges a second, and the 50th, 99th and 99.9th percentile and maximum of latency, in ms. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct bytes {
    char *data;
    size_t size;
};

struct connection {
    int socket;
    size_t received; /* of the reply that is coming */
    double begun;    /* when its message was due */
    bool busy;
};

static struct bytes opening, message, reply_start;
static size_t reply_size;
static int epoll;

static float *latencies; /* in ms */
static size_t latency_count, latency_room;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void fail_with_error(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static struct bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_with_error(path);
    fseek(file, 0, SEEK_END);
    struct bytes found = {NULL, (size_t)ftell(file)};
    rewind(file);
    found.data = malloc(found.size + 1);
    if (found.data == NULL || fread(found.data, 1, found.size, file) != found.size)
        fail_with_error(path);
    fclose(file);
    return found;
}

static void record(double seconds)
{
    if (latency_count == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 1 << 20;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (latencies == NULL)
            fail("out of memory");
    }
    latencies[latency_count++] = (float)(seconds * 1000);
}

/* ---- connections */

static void send_all(int socket, struct bytes bytes)
{
    size_t sent = 0;
    while (sent < bytes.size) {
        ssize_t count = send(socket, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        else if (errno != EAGAIN && errno != EINTR)
            fail_with_error("send");
    }
}

static void read_opening_answer(int socket)
{
    char answer[4096];
    size_t size = 0;
    while (size < 4 || memcmp(answer + size - 4, "\r\n\r\n", 4) != 0) {
        ssize_t count = size < sizeof answer ? recv(socket, answer + size, sizeof answer - size, 0) : 0;
        if (count <= 0)
            fail("the opening was not answered");
        size += (size_t)count;
    }
    if (memcmp(answer, "HTTP/1.1 101", 12) != 0)
        fail("the opening was not answered with status 101");
}

static void open_connection(struct connection *connection, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address) < 0)
        fail_with_error("connect");
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opening.size > 0) {
        send_all(connection->socket, opening);
        read_opening_answer(connection->socket);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &event) < 0)
        fail_with_error("epoll_ctl");
}

static void begin(struct connection *connection, double due)
{
    connection->begun = due;
    connection->received = 0;
    connection->busy = true;
    send_all(connection->socket, message);
}

/* Whether the reply is complete now. */
static bool receive(struct connection *connection)
{
    static char buffer[1 << 16];
    ssize_t count = recv(connection->socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (count <= 0)
        fail("the server has closed a connection");
    size_t before = connection->received;
    connection->received += (size_t)count;
    if (!connection->busy || connection->received > reply_size)
        fail("the server has sent more than the reply");
    if (before < reply_start.size) {
        size_t known = reply_start.size - before;
        if (memcmp(buffer, reply_start.data + before, known < (size_t)count ? known : (size_t)count) != 0)
            fail("the server has sent another reply");
    }
    if (connection->received < reply_size)
        return false;
    connection->busy = false;
    return true;
}

/* ---- the two ways to load */

static size_t load_closed(struct connection *connections, int count, double end)
{
    struct epoll_event events[256];
    size_t complete = 0;
    double time = now();
    for (int i = 0; i < count; i++)
        begin(&connections[i], time);
    while (time < end) {
        int ready = epoll_wait(epoll, events, 256, 100);
        time = now();
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (receive(connection)) {
                time = now();
                record(time - connection->begun);
                complete++;
                begin(connection, time);
            }
        }
    }
    return complete;
}

static size_t load_at_rate(struct connection *connections, int count, double start, double end, double rate)
{
    struct epoll_event events[256];
    struct connection *idle[count]; /* a queue: all take turns */
    int first_idle = 0, idle_count = count;
    size_t begun = 0, complete = 0;
    for (int i = 0; i < count; i++)
        idle[i] = &connections[i];
    for (double time = start; time < end; time = now()) {
        size_t due = (size_t)((time - start) * rate);
        while (begun < due && idle_count > 0) {
            begin(idle[first_idle], start + (double)begun / rate);
            first_idle = (first_idle + 1) % count;
            idle_count--;
            begun++;
        }
        int ready = epoll_wait(epoll, events, 256, 0);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (receive(connection)) {
                record(now() - connection->begun);
                complete++;
                idle[(first_idle + idle_count++) % count] = connection;
            }
        }
    }
    for (int i = 0; i < count; i++)
        if (connections[i].busy)
            record(end - connections[i].begun);
    for (size_t due = (size_t)((end - start) * rate); begun < due; begun++)
        record(end - (start + (double)begun / rate));
    return complete;
}

/* ---- */

static int compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile(double share)
{
    return latency_count == 0 ? 0 : latencies[(size_t)(share * (double)(latency_count - 1))];
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 9)
        fail("usage: exchange PORT CONNECTIONS SECONDS RATE REPLY_SIZE OPENING MESSAGE REPLY_START");
    int port = atoi(arguments[1]), count = atoi(arguments[2]);
    double seconds = atof(arguments[3]), rate = atof(arguments[4]);
    reply_size = (size_t)atol(arguments[5]);
    opening = read_file(arguments[6]);
    message = read_file(arguments[7]);
    reply_start = read_file(arguments[8]);
    epoll = epoll_create1(0);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (connections == NULL)
        fail("out of memory");
    for (int i = 0; i < count; i++)
        open_connection(&connections[i], port);

    double start = now(), end = start + seconds;
    size_t complete = rate > 0 ? load_at_rate(connections, count, start, end, rate) : load_closed(connections, count, end);
    double lasted = now() - start;
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf("%zu %.1f %.4f %.4f %.4f %.4f\n", complete, (double)complete / lasted, percentile(0.5), percentile(0.99),
           percentile(0.999), percentile(1));
    return 0;
}
