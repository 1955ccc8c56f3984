/*
 * The thread of the control socket: see control.h. A handful of connections, one request at a
 * time; a request is answered whole before the next one is looked at. A connection that says
 * nothing for a minute is closed, and one that does not take its answer loses it, so that a stuck
 * tool cannot keep others out.
 */
#include "control.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control_private.h"
#include "unix_socket.h"

#define CONNECTIONS 8
#define SILENCE_MS 60000

struct connection {
	int fd; /* -1 = free */
	int64_t deadline;
	struct control_input input;
};

struct control {
	struct unix_socket socket;
	int wake;
	pthread_t thread;
	struct store *store;
	struct store_reader *reader;
	struct control_hooks hooks;
	struct connection connections[CONNECTIONS];
	struct control_reply reply;
};

static void hang_up(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
}

static void log_peer(enum log_level level, const char *event, const struct ucred *peer)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_number(&line, "uid", peer->uid);
	log_number(&line, "pid", (uint64_t)peer->pid);
	log_end(&line);
}

/* The file's mode keeps others out already; this does where modes of sockets do not count. */
static bool peer_allowed(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == geteuid() || peer.uid == 0)) {
		log_peer(LOG_LEVEL_DEBUG, "control-open", &peer);
		return true;
	}
	log_peer(LOG_LEVEL_WARNING, "control-refused", &peer);
	return false;
}

static struct connection *free_connection(struct control *control)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (control->connections[i].fd < 0)
			return &control->connections[i];
	}
	return NULL;
}

static void accept_one(struct control *control, struct connection *to)
{
	int fd = accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		struct pollfd wake = { .fd = control->wake, .events = POLLIN };

		/* Out of descriptors: the socket stays readable, so do not ask again at once. */
		if (errno == EMFILE || errno == ENFILE)
			(void)poll(&wake, 1, 100);
		return;
	}
	if (!peer_allowed(fd)) {
		close(fd);
		return;
	}
	to->fd = fd;
	to->input.n = 0;
	to->deadline = clock_monotonic_ms() + SILENCE_MS;
}

/* Serves every whole line there is; false when the connection is of no more use. */
static bool serve_lines(struct control *control, struct connection *connection)
{
	struct control_request request = {
		.store = control->store,
		.reader = control->reader,
		.hooks = &control->hooks,
		.reply = &control->reply,
	};

	control->reply.fd = connection->fd;
	control->reply.wake = control->wake;
	return control_serve(&connection->input, &request);
}

static void read_some(struct control *control, struct connection *connection)
{
	struct control_input *input = &connection->input;
	ssize_t n = recv(connection->fd, input->line + input->n, sizeof input->line - input->n,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(connection);
		return;
	}
	input->n += (size_t)n;
	if (!serve_lines(control, connection))
		hang_up(connection);
	else
		connection->deadline = clock_monotonic_ms() + SILENCE_MS;
}

/* What to wait for: [0] the end, [1] a new connection while there is room, then connections. */
static void fill_poll(const struct control *control, bool room, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = control->wake, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = room ? control->socket.fd : -1, .events = POLLIN };
	for (size_t i = 0; i < CONNECTIONS; i++)
		fds[i + 2] =
			(struct pollfd){ .fd = control->connections[i].fd, .events = POLLIN };
}

static void serve_ready(struct control *control, const struct pollfd *fds)
{
	int64_t now = clock_monotonic_ms();

	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &control->connections[i];

		if (connection->fd < 0)
			continue;
		if (fds[i + 2].revents != 0)
			read_some(control, connection);
		else if (now >= connection->deadline)
			hang_up(connection);
	}
}

static void *control_thread(void *context)
{
	struct control *control = context;
	struct pollfd fds[CONNECTIONS + 2];

	for (;;) {
		struct connection *room = free_connection(control);

		fill_poll(control, room != NULL, fds);
		if (poll(fds, ARRAY_SIZE(fds), SILENCE_MS) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		serve_ready(control, fds);
		if (fds[1].revents != 0)
			accept_one(control, room);
	}
}

/* The directory of the socket, when it is missing. Its own parent must be there. */
static bool make_directory(const char *path, struct fault *fault)
{
	char *copy = strdup(path);
	bool good;

	if (copy == NULL) {
		fault_set(fault, "out of memory");
		return false;
	}
	/* Others pass through it to sockets that are for them; ours has its own mode. */
	good = mkdir(dirname(copy), 0755) == 0 || errno == EEXIST;
	if (!good)
		fault_set(fault, "cannot make the directory of %s: %s", path, strerror(errno));
	free(copy);
	return good;
}

static bool open_all(struct control *control, const struct control_options *options,
		     struct fault *fault)
{
	struct fault why;

	control->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->wake < 0) {
		fault_set(fault, "control socket: %s", strerror(errno));
		return false;
	}
	if (!make_directory(options->path, fault))
		return false;
	if (!unix_socket_open(options->path, 0600, (uid_t)-1, (gid_t)-1, &control->socket,
			      &why)) {
		fault_set(fault, "control socket %s: %.300s", options->path, why.text);
		return false;
	}
	return store_reader_open(control->store, &control->reader, fault) == STORE_OK;
}

static void close_all(struct control *control)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (control->connections[i].fd >= 0)
			hang_up(&control->connections[i]);
	}
	unix_socket_close(&control->socket);
	store_reader_close(&control->reader);
	if (control->wake >= 0)
		close(control->wake);
	free(control);
}

bool control_start(const struct control_options *options, struct control **control,
		   struct fault *fault)
{
	struct control *made = calloc(1, sizeof *made);

	*control = NULL;
	if (made == NULL) {
		fault_set(fault, "control socket: out of memory");
		return false;
	}
	made->store = options->store;
	made->hooks = *options->hooks;
	made->wake = -1;
	made->socket.fd = -1;
	for (size_t i = 0; i < CONNECTIONS; i++)
		made->connections[i].fd = -1;
	if (!open_all(made, options, fault)) {
		close_all(made);
		return false;
	}
	if (pthread_create(&made->thread, NULL, control_thread, made) != 0) {
		fault_set(fault, "control socket: cannot start its thread");
		close_all(made);
		return false;
	}
	*control = made;
	return true;
}

void control_stop(struct control **control)
{
	struct control *gone = *control;

	*control = NULL;
	if (gone == NULL)
		return;
	(void)eventfd_write(gone->wake, 1);
	pthread_join(gone->thread, NULL);
	close_all(gone);
}
