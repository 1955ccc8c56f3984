/* Refused connections: see refusal.h. */
#include "refusal.h"

#include "base/clock.h"
#include "base/log.h"

#define LOG_MILLISECONDS 10000

void refusal_note(struct refusals *refusals, const struct peer *peer, const char *reason)
{
	int64_t now = clock_monotonic_ms();
	int64_t told = atomic_load(&refusals->told);
	struct log_line line;
	char text[PEER_TEXT_MAX];

	atomic_fetch_add(&refusals->all, 1);
	atomic_fetch_add(&refusals->untold, 1);
	if ((told != 0 && now - told < LOG_MILLISECONDS) ||
	    !atomic_compare_exchange_strong(&refusals->told, &told, now))
		return;
	peer_text(peer, text, sizeof text);
	log_begin(&line, LOG_LEVEL_WARNING, "connection-refused");
	log_word(&line, "reason", reason);
	log_word(&line, "peer", text);
	log_number(&line, "refused", atomic_exchange(&refusals->untold, 0));
	log_end(&line);
}
