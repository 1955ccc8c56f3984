/*
 * The configuration file, read once and frozen. restante.conf(5) is written from the same table
 * (server/config_options.c): name, type, default, minimum, maximum, help.
 */
#ifndef RESTANTE_CONFIG_H
#define RESTANTE_CONFIG_H

#include <stdint.h>
#include <sys/socket.h>

#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/network.h"
#include "restante/str.h"

#define CONFIG_DEFAULT_PATH "/etc/restante/restante.conf"

enum config_protocol { CONFIG_POP3, CONFIG_LMTP };
enum config_tls {
	CONFIG_TLS_NONE,
	CONFIG_TLS_STARTTLS, /* STLS or STARTTLS, where there is a certificate */
	CONFIG_TLS_IMPLICIT  /* from the first octet on: ports 995 and the like */
};

struct config_listener {
	char *name; /* the section's title; LISTEN_FDNAMES matches it */
	enum config_protocol protocol;
	char *address; /* "0.0.0.0:110", "[::]:110", "unix:/run/restante/lmtp" */
	enum config_tls tls;
	bool proxy;          /* each connection begins with a PROXY header */
	unsigned mode;       /* unix socket: permissions, e.g. 0660 */
	char *owner, *group; /* unix socket: "" = unchanged */
};

/* Where users are looked for. */
enum config_backend { CONFIG_SQL, CONFIG_PAM, CONFIG_BACKEND_COUNT };

struct config_backends {
	enum config_backend order[CONFIG_BACKEND_COUNT]; /* each once */
	size_t count;
};

struct config_networks {
	struct network *items;
	size_t n;
};

struct config {
	char *path;       /* the file read */
	char *data_dir;   /* holds accounts.db, secret.key, mail/ */
	char *run_dir;    /* holds the control socket */
	char *user;       /* to become when started as root */
	char *hostname;   /* greeting, Received; never "" after reading */
	char *postmaster; /* what <postmaster> without a domain is delivered to; "" = refused */
	struct config_listener *listeners;
	size_t listener_count;

	unsigned workers; /* 0 = cores */
	unsigned hashers;
	unsigned shards; /* for a new store only */

	unsigned connections;
	unsigned connections_per_prefix;
	unsigned connections_before_login, connections_before_login_per_prefix;
	unsigned login_seconds;
	unsigned pop3_inactivity_seconds;
	unsigned lmtp_inactivity_seconds;
	unsigned errors_before_login, errors_after_login, login_attempts;
	unsigned drain_seconds;
	unsigned login_failure_ms;

	unsigned limiter_failures; /* 0 = nobody is slowed down */
	unsigned limiter_delay_seconds;
	struct config_networks limiter_networks; /* never limited */
	unsigned login_delay_seconds;            /* LOGIN-DELAY; 0 = none */

	unsigned lock_wait_ms;
	unsigned takeover_idle_seconds;        /* 0 = never */
	unsigned takeover_idle_marked_seconds; /* 0 = never */

	struct config_networks
		proxy_networks; /* who may connect where a PROXY header is required */

	char *tls_dir;     /* certificates and keys; "" = no TLS */
	char *tls_ciphers; /* of TLS 1.2, as OpenSSL has them */

	bool apop;
	unsigned sasl_mechanisms; /* 1 << enum sasl_mechanism */
	bool announce_implementation;
	struct config_networks clear_password_networks; /* beside loopback and unix sockets */

	struct config_backends auth_backends;
	unsigned auth_cache_seconds; /* 0 = no password is remembered */
	unsigned auth_cache_entries;
	char *pam_domain; /* the system user "ann" is ann@pam_domain; never "" with CONFIG_PAM */
	char *pam_socket;  /* of restante-pam */
	char *pam_service; /* a file's name in /etc/pam.d */
	unsigned pam_threads;
	unsigned pam_seconds;
	bool pam_create_mailbox; /* at a system user's first login or message */

	struct config_networks xclient_networks; /* who may say XCLIENT by LMTP */
	uint64_t message_octets;                 /* 0 = no limit */
	bool reject_nul;
	bool quota_is_permanent; /* over quota at RCPT: 552 5.2.2 instead of 452 4.2.2 */
	char detail_separator;   /* 0 = none */
	uint64_t min_free;

	bool log_to_syslog;
	char *log_level; /* "error" ... "debug" */
};

/* False: fault says file, line, option and the nearest valid name. */
MUST_USE bool config_read(const char *path, struct config **config, struct fault *fault);
/* The built-in defaults, as if from the example file. */
MUST_USE bool config_defaults(struct config **config, struct fault *fault);
void config_free(struct config **config);
/* The commented example file, which is also the default. Static text. */
const char *config_example(void);
/*
 * Whether the server may become the option's user: never root, nor one in root's group. One that
 * this machine does not know may be another's.
 */
MUST_USE bool config_user_allowed(const struct config *config, struct fault *fault);
/* Calls `line` with each option as "name = value" (`changed`: only those not at their default). */
void config_show(const struct config *config, bool changed,
		 void (*line)(void *context, const char *text), void *context);
/* Calls `name` with what differs and takes a restart to change: options, and "listener". */
void config_needs_restart(const struct config *old, const struct config *now,
			  void (*name)(void *context, const char *option), void *context);
/* One row of the table of options, for the manual and the tool. */
struct config_option_text {
	const char *section; /* "" or "listener" */
	const char *name;
	const char *def;   /* NULL: must be given; "" of a list: empty */
	const char *range; /* "1 to 1000", "yes or no", "" */
	const char *help;  /* a sentence */
};
void config_describe(void (*option)(void *context, const struct config_option_text *text),
		     void *context);
/* Paths below data_dir and run_dir; false when they do not fit. */
enum config_file {
	CONFIG_ACCOUNTS_DB,
	CONFIG_SECRET_KEY,
	CONFIG_MAIL_DIR,
	CONFIG_CONTROL_SOCKET
};
MUST_USE bool config_path(const struct config *config, enum config_file file, char *path,
			  size_t cap);
/* Whether auth_backends names it. */
bool config_uses(const struct config *config, enum config_backend backend);
/* Whether the peer has an address in one of the networks. */
bool config_networks_hold(const struct config_networks *networks, const struct sockaddr *peer);
/* Whether a peer may send a password in clear: loopback, unix, or a listed network. */
bool config_clear_password_allowed(const struct config *config, const struct sockaddr *peer);

#endif
