/* Start and stop in order: see service.h. */
#include "service.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "certificates.h"
#include "drain.h"
#include "restante/home.h"
#include "restante/store_admin.h"
#include "lmtp_driver.h"
#include "pop3_driver.h"
#include "privilege.h"
#include "sessions.h"

/* Descriptors that are not connections: databases of each thread, listeners, log, control. */
#define DESCRIPTORS_FIXED 64
#define DESCRIPTORS_PER_DATABASE 3 /* the file, its log, its index */

static void store_log_line(void *context, int priority, const char *text)
{
	/* syslog(3) priorities: 3 error, 4 warning, 5 notice, 6 info, 7 debug. */
	static const enum log_level levels[] = {
		LOG_LEVEL_ERROR,   LOG_LEVEL_ERROR,  LOG_LEVEL_ERROR, LOG_LEVEL_ERROR,
		LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO,  LOG_LEVEL_DEBUG,
	};

	(void)context;
	if (priority >= 0 && priority < (int)ARRAY_SIZE(levels))
		log_event(levels[priority], text);
}

static void released(void *context, const struct maildrop_key *key)
{
	struct server *server = context;

	timers_released(&server->timers, key);
}

/* Those that we may run on: a container or a service manager may have set some aside. */
static unsigned cores(void)
{
	cpu_set_t allowed;
	long n = sched_getaffinity(0, sizeof allowed, &allowed) == 0
			 ? CPU_COUNT(&allowed)
			 : sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static bool make_run_dir(const struct config *config, struct fault *fault)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	/* First, or a directory of root's would stay behind and keep the next start from it. */
	if (geteuid() == 0 && !privilege_lookup(config->user, &uid, &gid, fault))
		return false;
	/* It is there, or the control socket will say what is wrong with it. */
	if (mkdir(config->run_dir, 0755) < 0 || geteuid() != 0 ||
	    chown(config->run_dir, uid, gid) == 0)
		return true;
	fault_set(fault, "cannot give run_dir %s to user \"%s\": %s", config->run_dir,
		  config->user, strerror(errno));
	return false;
}

/* As root where we are root; and from then on as the configured user. */
static bool bind_and_drop(struct service *s, const struct config *config, struct fault *fault)
{
	enum home_status home;

	if (!make_run_dir(config, fault))
		return false;
	home = store_home_directory(config, fault);
	if (home != HOME_READY && home != HOME_MADE)
		return false;
	return listeners_open(config, &s->server.listeners, fault) &&
	       privilege_drop(config->user, fault);
}

static bool migrate_accounts(const struct server *server, struct fault *fault)
{
	struct accounts *accounts = NULL;
	enum accounts_status status =
		accounts_open(server->accounts_path, true, &accounts, fault);

	accounts_close(&accounts);
	return status == ACCOUNTS_OK;
}

static bool open_data(struct server *server, const struct config *config, struct fault *fault)
{
	char key_path[4096];
	char mail_dir[4096];
	struct store_options options = {
		.dir = mail_dir,
		.exclusive = true,
		.min_free = config->min_free,
		.log = store_log_line,
	};
	enum home_status home = store_home_init(config, fault);

	if (home != HOME_READY && home != HOME_MADE)
		return false;
	if (!config_path(config, CONFIG_SECRET_KEY, key_path, sizeof key_path) ||
	    !config_path(config, CONFIG_MAIL_DIR, mail_dir, sizeof mail_dir) ||
	    !config_path(config, CONFIG_ACCOUNTS_DB, server->accounts_path,
			 sizeof server->accounts_path)) {
		fault_set(fault, "data_dir is too long: %s", config->data_dir);
		return false;
	}
	if (!secret_key_open(key_path, &server->key, fault) ||
	    !migrate_accounts(server, fault) ||
	    store_open(&options, &server->store, fault) != STORE_OK)
		return false;
	store_on_release(server->store, released, server);
	return true;
}

/* As many connections as configured, or as the descriptors allow beside the databases. */
static uint32_t connection_limit(const struct config *config, unsigned workers, unsigned shards)
{
	uint64_t nofile = privilege_raise_nofile();
	/* PAM's may have accounts.db open a second time, to make a mailbox. */
	uint64_t hashers = config->hashers +
			   (config_uses(config, CONFIG_PAM) ? 2 * config->pam_threads : 0);
	uint64_t databases = (uint64_t)(workers + 2) * (shards + 1) + hashers;
	uint64_t fixed = DESCRIPTORS_FIXED + TABLE_SPARE + databases * DESCRIPTORS_PER_DATABASE;
	uint64_t room = nofile > fixed + 16 ? nofile - fixed : 16;
	struct log_line line;

	if (room >= config->connections)
		return config->connections;
	log_begin(&line, LOG_LEVEL_WARNING, "connections-lowered");
	log_number(&line, "configured", config->connections);
	log_number(&line, "connections", room);
	log_number(&line, "open-files", nofile);
	log_end(&line);
	return (uint32_t)room;
}

static struct table_limits table_limits(const struct config *config)
{
	return (struct table_limits){
		.per_source = config->connections_per_prefix,
		.before_login = config->connections_before_login,
		.before_login_per_source = config->connections_before_login_per_prefix,
	};
}

static bool set_up_shared(struct server *server, const struct config *config,
			  uint32_t connections, struct fault *fault)
{
	const struct table_limits limits = table_limits(config);
	bool good = poller_open(&server->poller) &&
		    table_open(&server->table, connections, &limits) &&
		    timers_open(&server->timers, connections + TABLE_SPARE, &server->poller) &&
		    limiter_open(&server->limiter) && bans_open(&server->bans, BANS_MAX) &&
		    admission_open(&server->deliveries, DELIVERY_MEMORY / STORE_CHUNK_OCTETS,
				   &server->poller);

	if (!good)
		fault_set(fault, "out of memory or descriptors");
	/* Unique across restarts, so that "undelete what session N deleted" means one session. */
	server->table.next_session = (uint64_t)server->started << 20;
	return good;
}

static bool open_credentials(struct server *server, const struct config *config,
			     struct fault *fault)
{
	if (config->auth_cache_seconds == 0 || config->auth_cache_entries == 0)
		return true;
	server->credentials =
		credential_cache_new(config->auth_cache_entries, config->auth_cache_seconds);
	if (server->credentials == NULL)
		fault_set(fault, "no memory for auth_cache_entries = %u",
			  config->auth_cache_entries);
	return server->credentials != NULL;
}

static bool start_log(struct fault *fault)
{
	if (log_start())
		return true;
	fault_set(fault, "cannot start the log's thread");
	return false;
}

static bool start_control(struct service *s, const struct config *config, struct fault *fault)
{
	struct control_hooks hooks;
	char path[4096];
	struct control_options options = {
		.path = path,
		.store = s->server.store,
		.hooks = &hooks,
	};

	sessions_hooks(&s->server, &hooks);
	if (!config_path(config, CONFIG_CONTROL_SOCKET, path, sizeof path)) {
		fault_set(fault, "run_dir is too long: %s", config->run_dir);
		return false;
	}
	return control_start(&options, &s->control, fault);
}

static bool start_accepting(struct service *s, struct fault *fault)
{
	const struct listeners *listeners = &s->server.listeners;

	s->accepting = calloc(listeners->n, sizeof s->accepting[0]);
	if (s->accepting == NULL) {
		fault_set(fault, "out of memory");
		return false;
	}
	for (size_t i = 0; i < listeners->n; i++)
		s->accepting[i] = (struct acceptor_listener){
			.fd = listeners->items[i].fd,
			.protocol = listeners->items[i].config->protocol == CONFIG_LMTP
					    ? &lmtp_protocol
					    : &pop3_protocol,
			.name = listeners->items[i].config->name,
			.tcp = listeners->items[i].tcp,
			.inherited = listeners->items[i].inherited,
			.tls = listeners->items[i].config->tls,
			.proxy = listeners->items[i].config->proxy,
		};
	return acceptor_start(&s->acceptor, &s->server, s->accepting, listeners->n, fault);
}

/* PAM's first: the others hand on to them. */
static bool start_hashers(struct server *server, const struct config *config,
			  struct fault *fault)
{
	if (config_uses(config, CONFIG_PAM) &&
	    !hashers_start(&server->pam_hashers, server, config->pam_threads, NULL, fault))
		return false;
	return hashers_start(&server->hashers, server, config->hashers, &server->pam_hashers,
			     fault);
}

static bool start_all(struct service *s, const struct config *config, struct fault *fault)
{
	struct server *server = &s->server;
	struct housekeeper_options housekeeping = { 0 };
	unsigned workers = config->workers > 0 ? config->workers : cores();
	uint32_t connections;

	if (!bind_and_drop(s, config, fault) || !certificates_open(server, config, fault) ||
	    !open_data(server, config, fault))
		return false;
	connections = connection_limit(config, workers, store_shards(server->store));
	housekeeping.store = server->store;
	housekeeping.key = server->key;
	housekeeping.accounts_path = server->accounts_path;
	housekeeping.each_round = certificates_look;
	housekeeping.context = server;
	return set_up_shared(server, config, connections, fault) &&
	       open_credentials(server, config, fault) && start_log(fault) &&
	       start_hashers(server, config, fault) &&
	       pool_start(&s->pool, server, workers, fault) &&
	       start_control(s, config, fault) &&
	       housekeeper_start(&housekeeping, &s->housekeeper, fault) &&
	       start_accepting(s, fault);
}

/*
 * What is there, in the order that keeps promises: the threads that serve sessions, then those
 * that work for them, the writers with all that is queued, and the shared set last, since the
 * last jobs may still arm.
 */
static void take_down(struct service *s)
{
	struct server *server = &s->server;

	control_stop(&s->control);
	housekeeper_stop(&s->housekeeper);
	acceptor_stop(&s->acceptor);
	pool_stop(&s->pool, server);
	hashers_stop(&server->hashers);
	hashers_stop(&server->pam_hashers);
	store_close(&server->store);
	listeners_close(&server->listeners);
	free(s->accepting);
	timers_close(&server->timers);
	table_close(&server->table);
	limiter_close(&server->limiter);
	bans_close(&server->bans);
	admission_close(&server->deliveries);
	poller_close(&server->poller);
	tls_server_close(&server->tls);
	credential_cache_free(&server->credentials);
	secret_key_close(&server->key);
}

bool service_start(struct service *s, const struct config *config, struct fault *fault)
{
	memset(s, 0, sizeof *s);
	atomic_init(&s->server.config, config);
	s->server.started = clock_wall_seconds();
	s->server.poller.fd = s->server.poller.wake = -1;
	if (start_all(s, config, fault))
		return true;
	take_down(s);
	return false;
}

void service_reload(struct service *s, const struct config *config)
{
	const struct table_limits limits = table_limits(config);

	atomic_store_explicit(&s->server.config, config, memory_order_release);
	table_set_limits(&s->server.table, &limits);
	certificates_look(&s->server);
}

void service_stop(struct service *s)
{
	/* A large purge must not hold up the end; it goes on after the next start. */
	store_hurry(s->server.store);
	/* Nobody new, and the sessions out. */
	if (!drain(&s->server, &s->acceptor, server_config(&s->server)->drain_seconds))
		log_event(LOG_LEVEL_WARNING, "drain-incomplete");
	take_down(s);
}
