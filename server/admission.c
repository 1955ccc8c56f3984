/* Places for messages being received: see admission.h. */
#include "admission.h"

bool admission_open(struct admission *admission, size_t places, struct poller *poller)
{
	admission->free_places = places;
	admission->first = NULL;
	admission->last = &admission->first;
	if (pthread_mutex_init(&admission->mutex, NULL) != 0)
		return false;
	admission->poller = poller;
	return true;
}

void admission_close(struct admission *admission)
{
	if (admission->poller != NULL)
		pthread_mutex_destroy(&admission->mutex);
	admission->poller = NULL;
}

bool admission_try(struct admission *admission)
{
	bool granted = false;

	pthread_mutex_lock(&admission->mutex);
	if (admission->free_places > 0 && admission->first == NULL) {
		admission->free_places--;
		granted = true;
	}
	pthread_mutex_unlock(&admission->mutex);
	return granted;
}

/* With the mutex held: hands free places to those who wait. */
static void grant(struct admission *admission)
{
	while (admission->free_places > 0 && admission->first != NULL) {
		struct admission_waiter *waiter = admission->first;

		admission->first = waiter->next;
		if (admission->first == NULL)
			admission->last = &admission->first;
		admission->free_places--;
		waiter->granted = true;
		poller_arm(admission->poller, waiter->polled, POLL_ROOM);
	}
}

void admission_park(struct admission *admission, struct admission_waiter *waiter)
{
	pthread_mutex_lock(&admission->mutex);
	waiter->granted = false;
	waiter->next = NULL;
	*admission->last = waiter;
	admission->last = &waiter->next;
	/* A place may have become free since the try. */
	grant(admission);
	pthread_mutex_unlock(&admission->mutex);
}

void admission_leave(struct admission *admission)
{
	pthread_mutex_lock(&admission->mutex);
	admission->free_places++;
	grant(admission);
	pthread_mutex_unlock(&admission->mutex);
}
