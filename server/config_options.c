/*
 * The table of options. What is read, config_example.conf, `config show` and the list in
 * restante.conf(5) all follow it; tests hold them together.
 */
#include "config_private.h"

#include "restante/limits.h"
#include "restante/pam_helper.h"
#include "restante/sasl.h"

#define TEXT_OF(number) #number
/* A default from limits.h as text. */
#define DEFAULT(number) TEXT_OF(number)

#define IN_CONFIG(field) offsetof(struct config, field)
#define IN_LISTENER(field) offsetof(struct config_listener, field)

#define DAY_SECONDS 86400
/* A chunk's number within its body has 16 bits: 64 Ki chunks of 256 KiB, less one for luck. */
#define MESSAGE_OCTETS_MAX (UINT64_C(15) << 30)

static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const send_reject[] = { "send", "reject", NULL };
static const char *const temporary_permanent[] = { "temporary", "permanent", NULL };
static const char *const stderr_syslog[] = { "stderr", "syslog", NULL };
static const char *const protocols[] = { "pop3", "lmtp", NULL };
static const char *const none_starttls_implicit[] = { "none", "starttls", "implicit", NULL };
static const char *const backends[] = { "sql", "pam", NULL };
static const char *const mechanisms[] = { SASL_NAMES, NULL };
static const char *const log_levels[] = { "error", "warning", "notice", "info", "debug", NULL };

const struct config_option config_options[] = {
	/* Where things are. */
	{ "data_dir", OPTION_DIRECTORY, "/var/lib/restante", .offset = IN_CONFIG(data_dir),
	  .fixed = true,
	  .help = "Directory of accounts, mail and the key that seals secrets." },
	{ "run_dir", OPTION_DIRECTORY, "/run/restante", .offset = IN_CONFIG(run_dir),
	  .fixed = true,
	  .help = "Directory of the control socket that restante(1) speaks to." },
	{ "user", OPTION_TEXT, "restante", .offset = IN_CONFIG(user), .fixed = true,
	  .help = "User to become when started as root; ignored otherwise." },
	{ "hostname", OPTION_HOSTNAME, "", .offset = IN_CONFIG(hostname),
	  .help = "Name in greetings and trace lines; empty: the machine's own name." },
	{ "postmaster", OPTION_POSTMASTER, "", .offset = IN_CONFIG(postmaster),
	  .help = "Address here that takes the mail for postmaster; empty: it is refused." },

	/* Log. */
	{ "log", OPTION_YES_NO, "stderr", .words = stderr_syslog,
	  .offset = IN_CONFIG(log_to_syslog), .help = "Where the log goes." },
	{ "log_level", OPTION_WORD, "info", .words = log_levels, .offset = IN_CONFIG(log_level),
	  .help = "The least important lines that are still logged." },

	/* Threads. */
	{ "workers", OPTION_NUMBER, "0", 0, 256, .offset = IN_CONFIG(workers), .fixed = true,
	  .help = "Threads that serve connections; 0: one for each processor." },
	{ "hashers", OPTION_NUMBER, DEFAULT(HASHER_THREADS), 1, 64,
	  .offset = IN_CONFIG(hashers), .fixed = true,
	  .help = "Threads that verify passwords." },
	{ "shards", OPTION_NUMBER, DEFAULT(STORE_SHARDS_DEFAULT), 1, STORE_SHARDS_MAX,
	  .offset = IN_CONFIG(shards), .fixed = true,
	  .help = "Databases that a new store is divided into; fixed from then on." },

	/* Connections. */
	{ "connections", OPTION_NUMBER, DEFAULT(CONNECTIONS_MAX), 1, 1000000,
	  .offset = IN_CONFIG(connections), .fixed = true,
	  .help = "Connections at a time; lowered to what the limit of open files allows." },
	{ "connections_per_prefix", OPTION_NUMBER, DEFAULT(CONNECTIONS_PER_PREFIX_MAX), 1,
	  1000000, .offset = IN_CONFIG(connections_per_prefix),
	  .help = "Connections at a time from one IPv4 address or IPv6 /64; loopback is "
		  "exempt." },
	{ "connections_before_login", OPTION_NUMBER, DEFAULT(CONNECTIONS_BEFORE_LOGIN_MAX), 1,
	  1000000, .offset = IN_CONFIG(connections_before_login),
	  .help = "Of them by POP3 before login; the oldest idle one gives way to a "
		  "newcomer." },
	{ "connections_before_login_per_prefix", OPTION_NUMBER,
	  DEFAULT(CONNECTIONS_BEFORE_LOGIN_PER_PREFIX_MAX), 1, 1000000,
	  .offset = IN_CONFIG(connections_before_login_per_prefix),
	  .help = "The same from one IPv4 address or IPv6 /64; loopback is exempt." },
	{ "login_seconds", OPTION_NUMBER, DEFAULT(POP3_LOGIN_SECONDS), 1, 3600,
	  .offset = IN_CONFIG(login_seconds),
	  .help = "From connecting to a good login at most." },
	{ "pop3_inactivity_seconds", OPTION_NUMBER, DEFAULT(POP3_INACTIVITY_SECONDS), 600,
	  DAY_SECONDS, .offset = IN_CONFIG(pop3_inactivity_seconds),
	  .help = "A silent session is closed, deleting nothing (RFC 1939: 600 at least)." },
	{ "lmtp_inactivity_seconds", OPTION_NUMBER, DEFAULT(LMTP_INACTIVITY_SECONDS), 10,
	  DAY_SECONDS, .offset = IN_CONFIG(lmtp_inactivity_seconds),
	  .help = "A silent LMTP connection is closed (RFC 5321: 300 at least)." },
	{ "errors_before_login", OPTION_NUMBER, DEFAULT(POP3_ERRORS_BEFORE_LOGIN), 1, 1000,
	  .offset = IN_CONFIG(errors_before_login),
	  .help = "Bad commands in a row before login until we hang up." },
	{ "errors_after_login", OPTION_NUMBER, DEFAULT(POP3_ERRORS_AFTER_LOGIN), 1, 1000,
	  .offset = IN_CONFIG(errors_after_login), .help = "The same after login." },
	{ "login_attempts", OPTION_NUMBER, DEFAULT(POP3_LOGIN_ATTEMPTS), 1, 100,
	  .offset = IN_CONFIG(login_attempts),
	  .help = "Refused logins on one connection until we hang up." },
	{ "login_failure_ms", OPTION_NUMBER, DEFAULT(LOGIN_FAILURE_MILLISECONDS), 0, 60000,
	  .offset = IN_CONFIG(login_failure_ms),
	  .help = "A failed login is answered no earlier than this, in milliseconds." },
	{ "drain_seconds", OPTION_NUMBER, DEFAULT(DRAIN_SECONDS), 0, 3600,
	  .offset = IN_CONFIG(drain_seconds),
	  .help = "Time that sessions get to end when the server stops." },

	/* TLS. */
	{ "tls_dir", OPTION_TLS_DIR, "", .offset = IN_CONFIG(tls_dir), .fixed = true,
	  .help = "Directory of certificates and their keys; empty: no TLS." },
	{ "tls_ciphers", OPTION_TEXT, TLS_CIPHERS, .offset = IN_CONFIG(tls_ciphers),
	  .fixed = true, .help = "Ciphers for TLS 1.2, in OpenSSL's words." },

	/* Users. */
	{ "auth_backends", OPTION_BACKENDS, "sql", .words = backends,
	  .offset = IN_CONFIG(auth_backends), .fixed = true,
	  .help = "Where users are looked for, in this order; the first that knows one "
		  "decides." },
	{ "auth_cache_seconds", OPTION_NUMBER, DEFAULT(AUTH_CACHE_SECONDS), 0, DAY_SECONDS,
	  .offset = IN_CONFIG(auth_cache_seconds), .fixed = true,
	  .help = "How long a verified password is remembered, by a MAC of it; 0: never." },
	{ "auth_cache_entries", OPTION_NUMBER, DEFAULT(AUTH_CACHE_ENTRIES), 0, 100000000,
	  .offset = IN_CONFIG(auth_cache_entries), .fixed = true,
	  .help = "So many of them, 40 octets each." },
	{ "pam_domain", OPTION_DOMAIN, "", .offset = IN_CONFIG(pam_domain), .fixed = true,
	  .help = "Domain of the system's users: ann is ann@pam_domain; needed by pam." },
	{ "pam_create_mailbox", OPTION_YES_NO, "no", .words = no_yes,
	  .offset = IN_CONFIG(pam_create_mailbox), .fixed = true,
	  .help = "Make a system user's mailbox at the first login or message." },
	{ "pam_service", OPTION_SERVICE, HELPER_SERVICE, .offset = IN_CONFIG(pam_service),
	  .fixed = true, .help = "PAM service, a file in /etc/pam.d; restante-pam allows it." },
	{ "pam_socket", OPTION_DIRECTORY, HELPER_SOCKET, .offset = IN_CONFIG(pam_socket),
	  .fixed = true, .help = "Socket of restante-pam." },
	{ "pam_threads", OPTION_NUMBER, DEFAULT(PAM_THREADS), 1, 64,
	  .offset = IN_CONFIG(pam_threads), .fixed = true,
	  .help = "Logins that restante-pam is asked about at the same time." },
	{ "pam_seconds", OPTION_NUMBER, DEFAULT(PAM_SECONDS), 1, 60,
	  .offset = IN_CONFIG(pam_seconds), .fixed = true,
	  .help = "How long an answer of restante-pam is waited for." },

	/* Proxies. */
	{ "proxy_networks", OPTION_NETWORKS, "", .offset = IN_CONFIG(proxy_networks),
	  .help = "Proxies, which tell by PROXY headers who the client is (proxy = yes)." },

	/* Failed logins. */
	{ "limiter_failures", OPTION_NUMBER, DEFAULT(LIMITER_FAILURES), 0, 1000,
	  .offset = IN_CONFIG(limiter_failures),
	  .help = "So many failed logins cost nothing; then each doubles the wait. 0: no "
		  "waits." },
	{ "limiter_delay_seconds", OPTION_NUMBER, DEFAULT(LIMITER_DELAY_SECONDS), 1, 300,
	  .offset = IN_CONFIG(limiter_delay_seconds),
	  .help = "The longest wait before a login is looked at." },
	{ "limiter_networks", OPTION_NETWORKS, "", .offset = IN_CONFIG(limiter_networks),
	  .help = "Networks that are never limited: neither in connections nor in logins." },

	/* POP3. */
	{ "apop", OPTION_YES_NO, "no", .words = no_yes, .offset = IN_CONFIG(apop),
	  .help = "Offer APOP. Some clients then use nothing else." },
	{ "sasl_mechanisms", OPTION_SET, "SCRAM-SHA-256, SCRAM-SHA-1, PLAIN",
	  .words = mechanisms, .offset = IN_CONFIG(sasl_mechanisms),
	  .help = "Mechanisms that AUTH offers, where the connection is fit for them." },
	{ "announce_implementation", OPTION_YES_NO, "yes", .words = no_yes,
	  .offset = IN_CONFIG(announce_implementation),
	  .help = "Tell the program's name in CAPA." },
	{ "clear_password_networks", OPTION_NETWORKS, "",
	  .offset = IN_CONFIG(clear_password_networks),
	  .help = "Networks that may log in without TLS; loopback always may." },
	{ "login_delay_seconds", OPTION_NUMBER, "0", 0, DAY_SECONDS,
	  .offset = IN_CONFIG(login_delay_seconds),
	  .help = "Least time between two logins to a maildrop (LOGIN-DELAY); 0: none." },
	{ "lock_wait_ms", OPTION_NUMBER, DEFAULT(LOCK_WAIT_MILLISECONDS), 0, 60000,
	  .offset = IN_CONFIG(lock_wait_ms),
	  .help = "How long a second login waits for the maildrop, in milliseconds." },
	{ "takeover_idle_seconds", OPTION_NUMBER, DEFAULT(TAKEOVER_IDLE_SECONDS), 0,
	  DAY_SECONDS, .offset = IN_CONFIG(takeover_idle_seconds),
	  .help = "A session idle for so long gives way to a new login; 0: never." },
	{ "takeover_idle_marked_seconds", OPTION_NUMBER, DEFAULT(TAKEOVER_IDLE_MARKED_SECONDS),
	  0, DAY_SECONDS, .offset = IN_CONFIG(takeover_idle_marked_seconds),
	  .help = "The same for a session with deletion marks; 0: never." },

	{ "xclient_networks", OPTION_NETWORKS, "", .offset = IN_CONFIG(xclient_networks),
	  .help = "Networks that may say by XCLIENT (LMTP) whose mail they hand over." },

	/* Mail. */
	{ "message_size", OPTION_SIZE, "128M", 0, MESSAGE_OCTETS_MAX,
	  .offset = IN_CONFIG(message_octets),
	  .help = "The largest message taken; 0: no limit but the store's own." },
	{ "nul", OPTION_YES_NO, "send", .words = send_reject, .offset = IN_CONFIG(reject_nul),
	  .help = "Messages with NUL octets: take and send them as they are, or refuse them." },
	{ "over_quota", OPTION_YES_NO, "temporary", .words = temporary_permanent,
	  .offset = IN_CONFIG(quota_is_permanent),
	  .help = "How mail for a full mailbox is refused: 452 or 552." },
	{ "detail_separator", OPTION_CHARACTER, "+", .offset = IN_CONFIG(detail_separator),
	  .help = "Separates a detail from the local part (user+detail); empty: no details." },
	{ "min_free", OPTION_SIZE, "256M", 0, UINT64_C(1) << 50, .offset = IN_CONFIG(min_free),
	  .fixed = true,
	  .help = "With less disk space than this new mail is refused for now (452)." },
};
const size_t config_option_count = ARRAY_SIZE(config_options);

const struct config_option listener_options[] = {
	{ "protocol", OPTION_CHOICE, .words = protocols, .offset = IN_LISTENER(protocol),
	  .help = "What is spoken here." },
	{ "address", OPTION_LISTEN, .offset = IN_LISTENER(address),
	  .help = "ADDRESS:PORT, [IPv6]:PORT, *:PORT (IPv4 and IPv6) or unix:/PATH." },
	{ "tls", OPTION_CHOICE, "starttls", .words = none_starttls_implicit,
	  .offset = IN_LISTENER(tls),
	  .help = "TLS on request (STLS, STARTTLS), from the first octet on, or never." },
	{ "proxy", OPTION_YES_NO, "no", .words = no_yes, .offset = IN_LISTENER(proxy),
	  .help = "Each connection begins with a PROXY header: for proxies, and nobody else." },
	{ "mode", OPTION_MODE, "0660", 0, 0777, .offset = IN_LISTENER(mode),
	  .help = "Permissions of a unix socket." },
	{ "owner", OPTION_OPTIONAL, "", .offset = IN_LISTENER(owner),
	  .help = "Owner of a unix socket; empty: the user that the server runs as." },
	{ "group", OPTION_OPTIONAL, "", .offset = IN_LISTENER(group),
	  .help = "Group of a unix socket; empty: that of the user that the server runs as." },
};
const size_t listener_option_count = ARRAY_SIZE(listener_options);
