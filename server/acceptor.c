/* The acceptor thread: see acceptor.h. */
#include "acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/stream.h"
#include "net/tls.h"
#include "prelude.h"

#define SWEEP_MILLISECONDS 1000
/* At one go: timers and sweeps must not wait for a flood to end. */
#define ACCEPTS_AT_ONCE 64

static void refuse(struct acceptor *a, int fd, const struct acceptor_listener *listener,
		   const struct peer *peer, const char *reason)
{
	struct str text = str_of(listener->protocol->refusal);

	/* Where TLS comes first there is nobody yet who could read it. */
	if (listener->tls != CONFIG_TLS_IMPLICIT) {
		enum stream_status ignored = stream_write((struct stream){ .fd = fd }, &text);

		(void)ignored;
	}
	refusal_note(&a->server->refusals, peer, reason);
	close(fd);
}

/* Whether a listener with PROXY headers is there for this one. A unix socket has permissions. */
static bool may_tell(const struct config *config, const struct sockaddr *address)
{
	return address->sa_family == AF_UNIX ||
	       config_networks_hold(&config->proxy_networks, address);
}

static struct connection *make_connection(struct acceptor *a,
					  const struct acceptor_listener *listener, int fd,
					  const struct peer *peer, bool exempt,
					  const struct sockaddr *address)
{
	const struct config *config = server_config(a->server);
	struct connection *c = calloc(1, listener->protocol->size);
	int64_t now = clock_monotonic_ms();
	int64_t seconds;

	if (c == NULL)
		return NULL;
	c->polled.fd = fd;
	c->protocol = listener->protocol;
	c->server = a->server;
	c->started = clock_wall_seconds();
	c->peer = *peer;
	c->exempt = exempt;
	c->clear_password =
		peer_is_local(peer) || config_clear_password_allowed(config, address);
	c->awaits_proxy = listener->proxy;
	c->tls_first = listener->tls == CONFIG_TLS_IMPLICIT;
	c->tls_offered = listener->tls == CONFIG_TLS_STARTTLS && a->server->tls != NULL &&
			 tls_server_ready(a->server->tls);
	c->why = ENDING_HANGUP;
	seconds = c->protocol->inactivity_seconds(c);
	if (seconds == 0)
		seconds = config->login_seconds;
	atomic_init(&c->active, now);
	atomic_init(&c->resting, true);
	atomic_init(&c->deadline, now + seconds * 1000);
	return c;
}

/* In clear, greeted here and not by a worker: one wake-up less per connection. */
static bool begin(struct connection *c)
{
	if (c->awaits_proxy)
		prelude_expect_proxy(c);
	else if (c->tls_first)
		prelude_expect_tls(c);
	else
		return prelude_greet(c);
	return true;
}

/* Whoever is banned is told nothing: not a word, not that there is a server. */
static bool turned_away(struct acceptor *a, int fd, const struct peer *peer)
{
	if (!bans_hold(&a->server->bans, peer, clock_monotonic_ms()))
		return false;
	refusal_note(&a->server->refusals, peer, "banned");
	close(fd);
	return true;
}

/* NULL: there is room for it; else the reason, for the log, why it is refused. */
static const char *no_room(struct acceptor *a, const struct acceptor_listener *listener,
			   const struct peer *peer, bool exempt)
{
	switch (table_admits(&a->server->table, peer, listener->protocol, exempt)) {
	case TABLE_FULL:
		return "connections";
	case TABLE_SOURCE_FULL:
		return "connections-per-prefix";
	case TABLE_SOURCE_LOGINS_FULL:
		return "connections-before-login-per-prefix";
	case TABLE_OK:
		break;
	}
	return NULL;
}

static void admit(struct acceptor *a, const struct acceptor_listener *listener, int fd,
		  const struct sockaddr *address)
{
	struct server *server = a->server;
	/* Behind a proxy it is the client that counts. */
	bool exempt = !listener->proxy &&
		      config_networks_hold(&server_config(server)->limiter_networks, address);
	const char *refusal;
	struct peer peer;
	struct connection *c;

	peer_from_sockaddr(&peer, address);
	if (listener->proxy && !may_tell(server_config(server), address)) {
		refusal_note(&server->refusals, &peer, "proxy-networks");
		close(fd);
		return;
	}
	if (!listener->proxy && !exempt && turned_away(a, fd, &peer))
		return;
	refusal = no_room(a, listener, listener->proxy ? NULL : &peer, exempt);
	if (refusal != NULL) {
		refuse(a, fd, listener, &peer, refusal);
		return;
	}
	c = make_connection(a, listener, fd, &peer, exempt, address);
	if (c == NULL || !table_add(&server->table, c)) {
		free(c);
		refuse(a, fd, listener, &peer, "memory");
		return;
	}
	atomic_fetch_add(&server->accepted, 1);
	if (!begin(c) ||
	    !poller_add(&server->poller, &c->polled, c->out.n > 0 ? POLL_ROOM : POLL_INPUT))
		connection_close(c);
}

static void watch_listeners(struct acceptor *a, bool on)
{
	for (size_t i = 0; i < a->n; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &a->listeners[i] };

		(void)epoll_ctl(a->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
				a->listeners[i].fd, &event);
	}
}

/* For good. Clients are refused at once and do not wait in a backlog that nobody works off. */
static void end_listening(struct acceptor *a)
{
	watch_listeners(a, false);
	for (size_t i = 0; i < a->n; i++)
		if (!a->listeners[i].inherited)
			shutdown(a->listeners[i].fd, SHUT_RDWR);
}

/* No descriptor or memory: the backlog waits in the kernel until the next sweep. */
static void pause_listening(struct acceptor *a, int why)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARNING, "listening-paused");
	log_word(&line, "reason", why == EMFILE || why == ENFILE ? "descriptors" : "memory");
	log_end(&line);
	watch_listeners(a, false);
	a->paused = true;
}

static void accept_some(struct acceptor *a, const struct acceptor_listener *listener)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE && !a->paused; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof address;
		int fd;

		memset(&address, 0, sizeof address);
		fd = accept4(listener->fd, (struct sockaddr *)&address, &size,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			admit(a, listener, fd, (struct sockaddr *)&address);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			 errno == ENOBUFS)
			pause_listening(a, errno);
		else if (errno == EAGAIN)
			return;
		/* Anything else concerns one connection that is gone already (accept(2)). */
	}
}

static void drain_eventfd(int fd)
{
	uint64_t count;
	ssize_t ignored = read(fd, &count, sizeof count);

	(void)ignored;
}

/* True while the thread goes on. */
static bool handle(struct acceptor *a, const struct epoll_event *event)
{
	if (event->data.ptr == &a->server->timers) {
		drain_eventfd(a->server->timers.wake);
	} else if (event->data.ptr == a) {
		drain_eventfd(a->wake);
		if (atomic_load(&a->server->draining))
			end_listening(a);
		return !atomic_load(&a->stopping);
	} else if (!atomic_load(&a->server->draining)) {
		accept_some(a, event->data.ptr);
	}
	return true;
}

static void sweep(struct acceptor *a, int64_t now)
{
	table_sweep(&a->server->table, now);
	if (a->paused && !atomic_load(&a->server->draining)) {
		a->paused = false;
		watch_listeners(a, true);
	}
}

static void *acceptor_main(void *context)
{
	struct acceptor *a = context;
	int64_t swept = clock_monotonic_ms();
	bool going = true;

	while (going) {
		struct epoll_event events[16];
		int64_t now = clock_monotonic_ms();
		int timer = timers_run(&a->server->timers, now);
		int until_sweep = (int)(swept + SWEEP_MILLISECONDS - now);
		int wait = timer >= 0 && timer < until_sweep ? timer : until_sweep;
		int n = epoll_wait(a->epoll, events, ARRAY_SIZE(events), wait > 0 ? wait : 0);

		for (int i = 0; i < n && going; i++)
			going = handle(a, &events[i]);
		now = clock_monotonic_ms();
		if (now - swept >= SWEEP_MILLISECONDS) {
			sweep(a, now);
			swept = now;
		}
	}
	return NULL;
}

bool acceptor_start(struct acceptor *a, struct server *server,
		    struct acceptor_listener *listeners, size_t n, struct fault *fault)
{
	struct epoll_event stop = { .events = EPOLLIN, .data.ptr = a };
	struct epoll_event timers = { .events = EPOLLIN, .data.ptr = &server->timers };

	memset(a, 0, sizeof *a);
	a->server = server;
	a->listeners = listeners;
	a->n = n;
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->epoll < 0 || a->wake < 0 ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->wake, &stop) != 0 ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, server->timers.wake, &timers) != 0) {
		fault_set(fault, "cannot set up the acceptor: %s", strerror(errno));
		return false;
	}
	watch_listeners(a, true);
	if (pthread_create(&a->thread, NULL, acceptor_main, a) != 0) {
		fault_set(fault, "cannot start the acceptor thread");
		return false;
	}
	a->running = true;
	return true;
}

static void wake(struct acceptor *a)
{
	uint64_t one = 1;
	ssize_t ignored = write(a->wake, &one, sizeof one);

	(void)ignored;
}

void acceptor_deafen(struct acceptor *a)
{
	wake(a);
}

void acceptor_stop(struct acceptor *a)
{
	if (!a->running)
		return;
	a->running = false;
	atomic_store(&a->stopping, true);
	wake(a);
	pthread_join(a->thread, NULL);
	close(a->epoll);
	close(a->wake);
}
