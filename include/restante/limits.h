/*
 * Every limit of the server, with the clause or the reason it comes from. What the operator may
 * change is an option of the same meaning in restante.conf(5); these are then the defaults.
 */
#ifndef RESTANTE_LIMITS_H
#define RESTANTE_LIMITS_H

/* --- POP3 ------------------------------------------------------------------------------- */
/* RFC 2449 section 4: a server with CAPA accepts 255 octets including CRLF; we are generous. */
#define POP3_LINE_MAX 512
/* RFC 2449 section 4: the first line of a reply has at most 512 octets including CRLF. */
#define POP3_REPLY_MAX 512
/* RFC 1939 section 7: a unique-id has 1 to 70 octets of 0x21 to 0x7E. */
#define POP3_UIDL_MAX 70
/* A user name as USER, APOP and AUTH give it: an address has at most 254 octets. */
#define POP3_USER_MAX 255
/* RFC 1939 section 3: an inactivity timer lasts at least ten minutes. */
#define POP3_INACTIVITY_SECONDS 600
/* From accept to a good password, absolute: not an inactivity timer, so it may be short. */
#define POP3_LOGIN_SECONDS 60
/* From accept, STLS or STARTTLS to the end of the handshake; part of the time for the login. */
#define TLS_HANDSHAKE_SECONDS 30
/* From accept to the end of a PROXY header, which a proxy sends at once: a lost packet or two. */
#define PROXY_HEADER_SECONDS 5
/* The PROXY protocol's own: a line of version 1 with its CRLF. */
#define PROXY_V1_MAX 107
/* Of version 2: both addresses, a name of 255 octets, TLS in detail, and as much again. */
#define PROXY_V2_MAX 1024
/* RFC 9325 section 4.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others. */
#define TLS_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
/* Errors in a row before and after login; Dovecot's figures, which no real client reaches. */
#define POP3_ERRORS_BEFORE_LOGIN 3
#define POP3_ERRORS_AFTER_LOGIN 20
/* Refused credentials on one connection. */
#define POP3_LOGIN_ATTEMPTS 3
/*
 * RFC 5034 section 4: the lines of AUTH and of its exchange are not bound by the limit of others.
 * The longest that our mechanisms need is below 6 KiB; long tokens of others get an answer too.
 */
#define POP3_AUTH_LINE_MAX 16384
/* So many connections at a time may have such a line on its way: 4 MiB in all. */
#define POP3_AUTH_LINES 256

/* --- LMTP ------------------------------------------------------------------------------- */
/* RFC 5321 section 4.5.3.1.4: 512 octets; parameters of extensions raise it (SIZE, SMTPUTF8). */
#define LMTP_LINE_MAX 2048
/* RFC 5321 section 4.5.3.1.3: a path has at most 256 octets. */
#define LMTP_PATH_MAX 256
#define LMTP_LOCAL_PART_MAX 64
#define LMTP_DOMAIN_MAX 255
/* "IPV6:" and the longest text of an address. */
#define LMTP_XCLIENT_ADDRESS_MAX 50
/* RFC 5321 section 4.5.3.1.8: at least 100 recipients. */
#define LMTP_RECIPIENTS_MAX 100
/* Maildrops that all recipients of one message stand for together (an alias may name many). */
#define LMTP_TARGETS_MAX 1000
/* In a row; a whole transaction may be refused, and the client has sent all of it at once. */
#define LMTP_ERRORS (LMTP_RECIPIENTS_MAX + 20)
/* RFC 5321 section 4.5.3.2.7: a server waits at least five minutes for the next command. */
#define LMTP_INACTIVITY_SECONDS 300
/* message_size, octets; 0 in the configuration means no limit but this machine's disk. */
#define LMTP_MESSAGE_OCTETS (UINT64_C(128) << 20)

/* A listener's name: as long as any in LISTEN_FDNAMES is kept. */
#define LISTENER_NAME_MAX 63

/* --- accounts --------------------------------------------------------------------------- */
/* RFC 5321 section 4.5.3.1: local-part 64 + "@" + domain 255, path 256 less "<" and ">". */
#define ADDRESS_MAX 320
/* Anything longer is no password that a person or an app uses (PLAIN: RFC 4616 wants 255). */
#define PASSWORD_MAX 1024
/* A new one must fit behind "PASS " into a line with its CRLF: more could never be given. */
#define PASSWORD_NEW_MAX (POP3_LINE_MAX - 7)
/*
 * What a stored hash may ask of a hasher, at most: hashes come from administrators and imports,
 * and one of them must not stop every other login.
 */
#define PASSWORD_ROUNDS_MAX 10000000            /* PBKDF2, SCRAM, sha-crypt: some seconds */
#define PASSWORD_BCRYPT_COST_MAX 17             /* 2^17: some seconds */
#define PASSWORD_MEMORY_KIB_MAX (1024 * 1024)   /* yescrypt, scrypt, argon2 */
#define PASSWORD_PASSES_MAX 64                  /* argon2 */
#define PASSWORD_WORK_KIB_MAX (4 * 1024 * 1024) /* argon2, memory times passes: some seconds */
/* RFC 5802 section 5.1, RFC 7677 section 4: at least 4096. A phone does these in some 20 ms. */
#define SCRAM_ROUNDS 10000
#define SCRAM_SALT_OCTETS 16
/* Of a client's first SCRAM message; a nonce of ours, salt and rounds come on top of its nonce. */
#define SCRAM_MESSAGE_MAX 2048
#define SCRAM_NONCE_MAX 512
/* mailbox.allow_nets, as the schema has it. */
#define ALLOW_NETS_MAX 500
/* An alias may name aliases, so deep, and stand for so many maildrops; beyond: try later. */
#define ALIAS_DEPTH_MAX 8
#define ALIAS_TARGETS_MAX 100

/* --- restante-pam ----------------------------------------------------------------------- */
#define HELPER_USER_MAX LMTP_LOCAL_PART_MAX /* a system user is a local-part */
#define HELPER_SERVICE_MAX 32               /* a file's name in /etc/pam.d */
#define HELPER_ADDRESS_MAX 64               /* a peer's address as text */
#define HELPER_WORKERS 4      /* more than PAM_THREADS, so that one that hangs is not missed */
#define HELPER_REQUESTS 200   /* then a worker is renewed: modules leak */
#define HELPER_SECONDS 8      /* a worker that takes longer hangs: below PAM_SECONDS */
#define HELPER_READ_SECONDS 2 /* from connecting to the request: it is sent at once */
#define PAM_THREADS 3         /* so many questions at a time */
#define PAM_SECONDS 10        /* the server waits so long for an answer */
/* Below are the system's own accounts, which have no mail and must not be guessed at. */
#define HELPER_UID_MIN 1000

/* In an option: what fits a line of `config show`; each connection looks at all. */
#define CONFIG_NETWORKS_MAX 64

/* --- connections and the pool ----------------------------------------------------------- */
#define CONNECTIONS_MAX 12000 /* total; lowered at start to what NOFILE allows */
/* Per IPv4 address or IPv6 /64; loopback and unix sockets are exempt. */
#define CONNECTIONS_PER_PREFIX_MAX 50
/*
 * Of all connections those before login; the oldest idle one gives way to a newcomer. The rest is
 * for sessions and deliveries.
 */
#define CONNECTIONS_BEFORE_LOGIN_MAX 11000
/* A household or an office logs in and is counted no more; an attacker stays. */
#define CONNECTIONS_BEFORE_LOGIN_PER_PREFIX_MAX 20
#define TURN_COMMANDS 32         /* a worker's turn with one connection ends after these */
#define TURN_OCTETS (256 * 1024) /* ... or after this much output or message input */
#define POP3_READ_OCTETS 4096    /* at once: all that is held ahead of an unfinished reply */
#define LMTP_READ_OCTETS 65536   /* at once: message text wants large reads */
#define OUTPUT_BACKLOG 65536     /* reply octets kept for a socket that takes none */
#define HASHER_THREADS 2
#define HASHER_QUEUE 1024                    /* waiting logins */
#define DELIVERY_MEMORY (UINT64_C(64) << 20) /* buffers of messages being received, together */
#define DRAIN_SECONDS 10
#define LOGIN_FAILURE_MILLISECONDS 1000  /* a failed login is answered no earlier than this */
#define LOCK_WAIT_MILLISECONDS 3000      /* a second login waits so long for the maildrop */
#define TAKEOVER_IDLE_SECONDS 60         /* an idle holder without marks loses the maildrop */
#define TAKEOVER_IDLE_MARKED_SECONDS 600 /* ... and one with marks */

/* --- failed logins (server/limiter.h) ------------------------------------------------------- */
/* Longer than a client waits between two polls, shorter than anybody keeps a stolen session. */
#define AUTH_CACHE_SECONDS 600
/* Of 40 octets. A server whose users are more and poll more often says so. */
#define AUTH_CACHE_ENTRIES 131072
#define LIMITER_FAILURES 5             /* so many cost nothing: a person's typing errors */
#define LIMITER_DELAY_SECONDS 10       /* the longest wait: clients wait longer for an answer */
#define LIMITER_STEP_MILLISECONDS 1000 /* the first wait; each failure doubles it */
#define LIMITER_FORGET_SECONDS 60      /* one failure less */
#define LIMITER_FAILURES_ABOVE \
	15 /* counted above those that cost nothing: a quarter of an hour */
/* 64 Ki entries each, below 30 MiB in all when full; the least recent goes out. */
#define LIMITER_SOURCES 65536
#define LIMITER_ACCOUNTS 65536
#define LIMITER_HOMES 8 /* networks of one account: home, office, phones */
#define LIMITER_HOME_SECONDS (30 * 86400)
#define LIMITER_REFUSED_KEPT 8 /* refused credentials of one source, to know them again */
/* Each connection looks at all: some 20 microseconds. */
#define BANS_MAX 4096
#define BAN_SECONDS_MAX (366 * 86400)

/* --- store ------------------------------------------------------------------------------ */
#define STORE_SHARDS_DEFAULT 8
#define STORE_SHARDS_MAX 64
#define STORE_CHUNK_OCTETS (256 * 1024)
#define STORE_PREFIX_MAX 1024    /* the trace lines that name one recipient */
#define STORE_BATCH_JOBS 256     /* jobs in one group commit */
#define STORE_PURGE_MESSAGES 200 /* per purge transaction: a few milliseconds */
#define STORE_ANCHOR_STEP 1024   /* every so many messages a session remembers the uid */
#define UNDELETE_SECONDS_DEFAULT (7 * 86400)
#define DUPLICATE_SECONDS (3 * 86400) /* how long a delivery is recognised when repeated */
#define MIN_FREE_OCTETS (UINT64_C(256) << 20) /* min_free: below it RCPT answers 452 4.3.1 */

#endif
