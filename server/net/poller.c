/* The shared epoll set: see poller.h. */
#include "net/poller.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static uint32_t events_for(enum poll_for what)
{
	return (what == POLL_INPUT ? EPOLLIN | EPOLLRDHUP : EPOLLOUT) | EPOLLONESHOT;
}

bool poller_open(struct poller *poller)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	poller->fd = epoll_create1(EPOLL_CLOEXEC);
	poller->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (poller->fd >= 0 && poller->wake >= 0 &&
	    epoll_ctl(poller->fd, EPOLL_CTL_ADD, poller->wake, &event) == 0)
		return true;
	poller_close(poller);
	return false;
}

void poller_close(struct poller *poller)
{
	if (poller->fd >= 0)
		close(poller->fd);
	if (poller->wake >= 0)
		close(poller->wake);
	poller->fd = poller->wake = -1;
}

bool poller_add(struct poller *poller, struct polled *polled, enum poll_for what)
{
	struct epoll_event event = { .events = events_for(what), .data.ptr = polled };
	int fd = polled->fd;

	atomic_fetch_add_explicit(&polled->order, 1, memory_order_release);
	return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void poller_arm(struct poller *poller, struct polled *polled, enum poll_for what)
{
	struct epoll_event event = { .events = events_for(what), .data.ptr = polled };
	int fd = polled->fd;
	int failed;

	atomic_fetch_add_explicit(&polled->order, 1, memory_order_release);
	failed = epoll_ctl(poller->fd, EPOLL_CTL_MOD, fd, &event);
	/* The descriptor is ours and in the set: only a broken program can fail here. */
	assert(failed == 0);
	(void)failed;
}

struct polled *poller_take(struct poller *poller)
{
	struct epoll_event event;
	struct polled *polled;
	int n;

	do
		n = epoll_wait(poller->fd, &event, 1, -1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return NULL;
	polled = event.data.ptr;
	if (polled != NULL)
		(void)atomic_load_explicit(&polled->order, memory_order_acquire);
	return polled;
}

void poller_wake(struct poller *poller)
{
	uint64_t one = 1;
	ssize_t ignored = write(poller->wake, &one, sizeof one);

	(void)ignored;
}
