/*
 * What all threads of restanted share. Everything here is set up before the first thread starts
 * and frozen, or is a structure with its own lock.
 */
#ifndef RESTANTE_SERVER_H
#define RESTANTE_SERVER_H

#include <stdatomic.h>

#include "admission.h"
#include "bans.h"
#include "hasher.h"
#include "limiter.h"
#include "listener.h"
#include "net/tls.h"
#include "refusal.h"
#include "restante/config.h"
#include "restante/credential_cache.h"
#include "restante/passwords.h"
#include "restante/store.h"
#include "table.h"
#include "timers.h"

struct server {
	/* Frozen once read; a reload puts another one in its place and keeps the old one. */
	_Atomic(const struct config *) config;
	struct store *store;
	struct secret_key *key;
	struct credential_cache *credentials; /* NULL = no password is remembered */
	struct tls_server *tls;               /* NULL = none is offered */
	_Atomic int64_t certificates_day; /* when their ends were looked at; days since 1970 */
	char accounts_path[4096];
	struct listeners listeners;
	struct poller poller;
	struct table table;
	struct timers timers;
	struct hashers hashers;
	struct hashers pam_hashers; /* not there where PAM is not used */
	struct limiter limiter;     /* of failed logins */
	struct bans bans;
	struct admission deliveries; /* LMTP messages being received */
	atomic_uint auth_lines;      /* long lines of AUTH on their way */
	atomic_bool draining;
	struct refusals refusals;
	_Atomic uint64_t accepted, logins, quick_logins, failed_logins, limited_logins,
		delivered;
	int64_t started; /* seconds since 1970 */
};

/* The configuration as it is now: take it once per action. */
static inline const struct config *server_config(const struct server *server)
{
	return atomic_load_explicit(&server->config, memory_order_acquire);
}

#endif
