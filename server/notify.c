/* The service manager: see notify.h. */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"

/* A path, or "@name" for an abstract socket; 0 when there is none or it is not possible. */
static socklen_t manager_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	if (n < 2 || n >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@'))
		return 0;
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, n);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	/* An abstract name has no terminator: every octet counts. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static void send_text(const char *text)
{
	struct sockaddr_un address;
	socklen_t len = manager_address(&address);
	struct timeval patience = { .tv_sec = 1 };
	int fd;

	if (len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len) <
	    0) {
		struct fault fault;

		fault_set(&fault, "NOTIFY_SOCKET: %s", strerror(errno));
		log_fault(LOG_LEVEL_WARNING, "notify-failed", &fault);
	}
	close(fd);
}

void notify_ready(void)
{
	send_text("READY=1");
}

void notify_stopping(void)
{
	send_text("STOPPING=1");
}

void notify_reloading(void)
{
	struct timespec now;
	char text[64];

	/* Type=notify-reload tells by the time that this is an answer to its own signal. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%jd",
		       (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	send_text(text);
}

uint64_t notify_watchdog_ms(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t number;

	if (pid != NULL &&
	    (!number_parse(str_of(pid), UINT32_MAX, &number) || number != (uint64_t)getpid()))
		return 0;
	if (interval == NULL || !number_parse(str_of(interval), UINT64_MAX, &number))
		return 0;
	return number / 1000;
}

void notify_watchdog(void)
{
	send_text("WATCHDOG=1");
}
