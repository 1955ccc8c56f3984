/* Listening sockets: see listener.h. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "config_address.h"
#include "inherited.h"
#include "net/stream.h"
#include "privilege.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static const char *protocol_name(enum config_protocol protocol)
{
	switch (protocol) {
	case CONFIG_POP3:
		return "POP3";
	case CONFIG_LMTP:
		return "LMTP";
	}
	return "";
}

/* `listener "pop3": cannot bind *:110: why` */
static void cannot_bind(const struct config_listener *config, const char *why,
			struct fault *fault)
{
	char text[FAULT_TEXT_MAX];

	(void)snprintf(text, sizeof text, "%s", why);
	fault_set(fault, "listener \"%s\": cannot bind %s: %s", config->name, config->address,
		  text);
}

/* The errno of bind(2) or listen(2) with what to do about it. */
static void explain(const struct config_listener *config, int error, struct fault *fault)
{
	char why[160];

	switch (error) {
	case EADDRINUSE:
		(void)snprintf(why, sizeof why,
			       "address in use (is another %s server running?)",
			       protocol_name(config->protocol));
		break;
	case EACCES:
	case EPERM:
		(void)snprintf(why, sizeof why,
			       "permission denied (a port below 1024 needs root or "
			       "CAP_NET_BIND_SERVICE)");
		break;
	case EADDRNOTAVAIL:
		(void)snprintf(why, sizeof why, "this machine does not have that address");
		break;
	case EAFNOSUPPORT:
		(void)snprintf(why, sizeof why, "this machine does not speak that family");
		break;
	default:
		(void)snprintf(why, sizeof why, "%s", strerror(error));
		break;
	}
	cannot_bind(config, why, fault);
}

/* What the socket is bound to, as an operator writes it. */
static void describe(int fd, char *text, size_t cap)
{
	struct sockaddr_storage storage = { 0 };
	const void *address = &storage;
	const struct sockaddr_in *v4 = address;
	const struct sockaddr_in6 *v6 = address;
	const struct sockaddr_un *local = address;
	socklen_t len = sizeof storage;
	char host[INET6_ADDRSTRLEN] = "?";

	(void)getsockname(fd, (struct sockaddr *)&storage, &len);
	if (storage.ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
		(void)snprintf(text, cap, "%s:%u", host, ntohs(v4->sin_port));
	} else if (storage.ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
		(void)snprintf(text, cap, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		(void)snprintf(text, cap, "unix:%s", local->sun_path);
	}
}

static bool add(struct listeners *listeners, const struct listener *one, struct fault *fault)
{
	struct listener *grown =
		reallocarray(listeners->items, listeners->n + 1, sizeof *grown);
	struct log_line line;

	if (grown == NULL) {
		fault_set(fault, "listener \"%s\": out of memory", one->config->name);
		return false;
	}
	listeners->items = grown;
	if (one->tcp)
		stream_prepare_listener(one->fd);
	grown[listeners->n] = *one;
	describe(one->fd, grown[listeners->n].address, sizeof grown->address);
	log_begin(&line, LOG_LEVEL_NOTICE, "listening");
	log_word(&line, "protocol", one->config->protocol == CONFIG_POP3 ? "pop3" : "lmtp");
	log_word(&line, "address", grown[listeners->n].address);
	log_word(&line, "inherited", one->inherited ? "yes" : "no");
	log_quoted(&line, "listener", str_of(one->config->name));
	log_end(&line);
	listeners->n++;
	return true;
}

/* --- TCP --------------------------------------------------------------------------------- */

/* A listening socket, or -1 with errno. */
static int tcp_listen(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int error;

	if (fd < 0)
		return -1;
	/* A restart must not wait for connections in TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (address->sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
	    bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool add_tcp(const struct config_listener *config, int fd, struct listeners *listeners,
		    struct fault *fault)
{
	struct listener one = {
		.fd = fd, .config = config, .tcp = true, .local = { .fd = -1 }
	};

	if (add(listeners, &one, fault))
		return true;
	close(fd);
	return false;
}

static bool open_tcp(const struct config_listener *config, const struct sockaddr *address,
		     socklen_t len, struct listeners *listeners, struct fault *fault)
{
	int fd = tcp_listen(address, len);

	if (fd < 0) {
		explain(config, errno, fault);
		return false;
	}
	return add_tcp(config, fd, listeners, fault);
}

/* "*": IPv4, and IPv6 on the same port where the machine has it. */
static bool open_any(const struct config_listener *config, const struct sockaddr_in *address,
		     struct listeners *listeners, struct fault *fault)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in bound = *address;
	socklen_t len = sizeof bound;
	int fd, error;

	if (!open_tcp(config, (const struct sockaddr *)address, sizeof *address, listeners,
		      fault))
		return false;
	fd = listeners->items[listeners->n - 1].fd;
	(void)getsockname(fd, (struct sockaddr *)&bound, &len);
	v6.sin6_port = bound.sin_port;
	fd = tcp_listen((const struct sockaddr *)&v6, sizeof v6);
	if (fd >= 0)
		return add_tcp(config, fd, listeners, fault);
	error = errno;
	explain(config, error, fault);
	if (error != EAFNOSUPPORT && error != EADDRNOTAVAIL)
		return false;
	log_fault(LOG_LEVEL_NOTICE, "no-ipv6", fault);
	return true;
}

/* --- unix sockets ------------------------------------------------------------------------ */

static bool find_group(const char *name, gid_t *gid, struct fault *fault)
{
	const struct group *group = getgrnam(name);

	if (group == NULL) {
		fault_set(fault, "there is no group \"%s\"", name);
		return false;
	}
	*gid = group->gr_gid;
	return true;
}

/* Who the socket belongs to; -1 where it stays as it is made. */
static bool find_owner(const struct config *all, const struct config_listener *config,
		       uid_t *uid, gid_t *gid, struct fault *fault)
{
	gid_t unused;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	/* Root binds for the user it is about to become. */
	if (geteuid() == 0 && !privilege_lookup(all->user, uid, gid, fault))
		return false;
	if (config->owner[0] != '\0' && !privilege_lookup(config->owner, uid, &unused, fault))
		return false;
	return config->group[0] == '\0' || find_group(config->group, gid, fault);
}

static bool open_unix(const struct config *all, const struct config_listener *config,
		      const char *path, struct listeners *listeners, struct fault *fault)
{
	struct listener one = { .config = config };
	struct fault why;
	uid_t uid;
	gid_t gid;

	if (!find_owner(all, config, &uid, &gid, &why) ||
	    !unix_socket_open(path, (mode_t)config->mode, uid, gid, &one.local, &why)) {
		cannot_bind(config, why.text, fault);
		return false;
	}
	one.fd = one.local.fd;
	if (!add(listeners, &one, fault)) {
		unix_socket_close(&one.local);
		return false;
	}
	return true;
}

/* --- all of them ------------------------------------------------------------------------- */

static bool open_one(const struct config *all, const struct config_listener *config,
		     struct listeners *listeners, struct fault *fault)
{
	struct config_address address;
	const char *why;

	if (!address_parse(config->address, &address, &why)) {
		cannot_bind(config, why, fault);
		return false;
	}
	if (address.any)
		return open_any(config, &address.u.v4, listeners, fault);
	if (address.u.base.sa_family == AF_UNIX)
		return open_unix(all, config, address.u.local.sun_path, listeners, fault);
	return open_tcp(config, &address.u.base, address.len, listeners, fault);
}

/* Takes over what the service manager has for this section; *taken counts. */
static bool take_inherited(struct inherited *inherited, const struct config_listener *config,
			   struct listeners *listeners, size_t *taken, struct fault *fault)
{
	struct config_address address;
	const char *why;
	int fd;

	if (!address_parse(config->address, &address, &why)) {
		cannot_bind(config, why, fault);
		return false;
	}
	while ((fd = inherited_take(inherited, config->name, &address)) >= 0) {
		struct listener one = { .fd = fd,
					.config = config,
					.tcp = inherited_is_tcp(fd),
					.inherited = true,
					.local = { .fd = -1 } };

		if (!add(listeners, &one, fault)) {
			close(fd);
			return false;
		}
		++*taken;
	}
	return true;
}

bool listeners_open(const struct config *config, struct listeners *listeners,
		    struct fault *fault)
{
	struct inherited inherited;
	bool good = true;

	*listeners = (struct listeners){ 0 };
	if (!inherited_open(&inherited, fault))
		return false;
	for (size_t i = 0; good && i < config->listener_count; i++) {
		size_t taken = 0;

		good = take_inherited(&inherited, &config->listeners[i], listeners, &taken,
				      fault);
		if (good && taken == 0)
			good = open_one(config, &config->listeners[i], listeners, fault);
	}
	inherited_close(&inherited);
	if (!good)
		listeners_close(listeners);
	return good;
}

void listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++) {
		struct listener *one = &listeners->items[i];

		/* An inherited unix socket is the service manager's to remove. */
		if (one->local.fd >= 0)
			unix_socket_close(&one->local);
		else
			close(one->fd);
	}
	free(listeners->items);
	*listeners = (struct listeners){ 0 };
}
