/* Sockets of a service manager: see inherited.h. */
#include "inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

#define FIRST_FD 3

/* How many there are for us. False: too many, or that is no number. */
static bool inherited_count(uint64_t *count, struct fault *fault)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t number;

	*count = 0;
	if (pid == NULL || fds == NULL || !number_parse(str_of(pid), UINT32_MAX, &number) ||
	    number != (uint64_t)getpid())
		return true;
	if (number_parse(str_of(fds), INHERITED_MAX, count))
		return true;
	fault_set(fault, "LISTEN_FDS=%s: at most %d sockets can be handed over", fds,
		  INHERITED_MAX);
	return false;
}

/* True for a listening stream socket. */
static bool is_listening(int fd)
{
	int type = 0, accepting = 0;
	socklen_t len = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return false;
	len = sizeof accepting;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) == 0 &&
	       accepting != 0;
}

/* The next name of a list with colons, cut to the room there is. */
static void next_name(const char **names, char *name, size_t cap)
{
	size_t n = strcspn(*names, ":");
	size_t kept = n < cap ? n : cap - 1;

	memcpy(name, *names, kept);
	name[kept] = '\0';
	*names += n;
	if (**names == ':')
		++*names;
}

static void warn(const char *event, int fd, const char *name)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARNING, event);
	log_number(&line, "fd", (uint64_t)fd);
	log_quoted(&line, "name", str_of(name));
	log_end(&line);
}

bool inherited_open(struct inherited *inherited, struct fault *fault)
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t count;

	*inherited = (struct inherited){ 0 };
	if (!inherited_count(&count, fault))
		return false;
	if (names == NULL)
		names = "";
	for (uint64_t i = 0; i < count; i++) {
		int fd = FIRST_FD + (int)i;
		char name[LISTENER_NAME_MAX + 1];
		int flags;

		next_name(&names, name, sizeof name);
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || !is_listening(fd) ||
		    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			warn("inherited-not-listening", fd, name);
			continue;
		}
		inherited->sockets[inherited->n].fd = fd;
		memcpy(inherited->sockets[inherited->n++].name, name, sizeof name);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return true;
}

static bool same_v4(const struct sockaddr_in *bound, const struct config_address *address)
{
	return bound->sin_port == address->u.v4.sin_port &&
	       bound->sin_addr.s_addr == address->u.v4.sin_addr.s_addr;
}

static bool same_v6(const struct sockaddr_in6 *bound, const struct config_address *address)
{
	if (address->any)
		return bound->sin6_port == address->u.v4.sin_port &&
		       IN6_IS_ADDR_UNSPECIFIED(&bound->sin6_addr);
	return bound->sin6_port == address->u.v6.sin6_port &&
	       IN6_ARE_ADDR_EQUAL(&bound->sin6_addr, &address->u.v6.sin6_addr);
}

static bool bound_to(int fd, const struct config_address *address)
{
	struct sockaddr_storage storage = { 0 };
	const void *bound = &storage;
	const struct sockaddr_un *local = bound;
	socklen_t len = sizeof storage;
	int family = address->u.base.sa_family;

	if (getsockname(fd, (struct sockaddr *)&storage, &len) < 0)
		return false;
	if (storage.ss_family == AF_INET6)
		return (family == AF_INET6 || address->any) && same_v6(bound, address);
	if (storage.ss_family != family)
		return false;
	if (family == AF_INET)
		return same_v4(bound, address);
	return strcmp(local->sun_path, address->u.local.sun_path) == 0;
}

int inherited_take(struct inherited *inherited, const char *name,
		   const struct config_address *address)
{
	for (int by_name = 1; by_name >= 0; by_name--) {
		for (size_t i = 0; i < inherited->n; i++) {
			int fd = inherited->sockets[i].fd;

			if (fd < 0)
				continue;
			if (by_name ? strcmp(inherited->sockets[i].name, name) == 0
				    : bound_to(fd, address)) {
				inherited->sockets[i].fd = -1;
				return fd;
			}
		}
	}
	return -1;
}

bool inherited_is_tcp(int fd)
{
	int domain = AF_UNIX;
	socklen_t len = sizeof domain;

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain != AF_UNIX;
}

void inherited_close(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n; i++) {
		if (inherited->sockets[i].fd < 0)
			continue;
		warn("inherited-unused", inherited->sockets[i].fd, inherited->sockets[i].name);
		close(inherited->sockets[i].fd);
	}
	inherited->n = 0;
}
