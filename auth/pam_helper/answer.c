/*
 * From a request to its reply: see answer.h.
 *
 * Whom the system does not know never comes to PAM: no module gets to see names that strangers
 * think up, and an unknown user is an unknown user whatever modules make of it. The time that a
 * known one costs is spent all the same, as modules and their libraries make more or less of it
 * (pam_unix of Linux-PAM 1.5 computes a hash twice, pam_ldap none): one of the last times that PAM
 * took to refuse somebody, and not their mean, which never varies as they do. A hash is part of it
 * where there is time for one, so that the processor is as busy.
 */
#include "answer.h"

#include <crypt.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/log.h"
#include "verify.h"

/* Room for a passwd entry; those of directories can be long. */
#define ENTRY_OCTETS 65536
/* What a sleeper may wake up too late by: the timer's slack, and a processor that slept as well. */
#define WAKE_UP_US 500

/* A hash like those of /etc/shadow, which crypt(3)'s default makes: see pam_unix. */
static void burn(const char *password)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (data != NULL &&
	    crypt_gensalt_rn(NULL, 0, NULL, 0, setting, (int)sizeof setting) != NULL)
		(void)crypt_rn(password, setting, data, (int)sizeof *data);
	if (data != NULL)
		explicit_bzero(data, sizeof *data);
	free(data);
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void learn(struct refusals *refusals, int64_t taken)
{
	refusals->taken[refusals->count++ % REFUSALS] = taken;
}

/* Any of those that are known. */
static int64_t some_refusal(const struct refusals *refusals)
{
	unsigned known = refusals->count < REFUSALS ? refusals->count : REFUSALS;
	unsigned char octet;

	if (known == 0 || getrandom(&octet, 1, 0) != 1)
		return refusals->taken[0];
	return refusals->taken[octet % known];
}

/* To the microsecond: always to wake up a little late would tell a sleeper from PAM at work. */
static void wait_until(int64_t until)
{
	int64_t sleep = until - WAKE_UP_US;
	struct timespec time = { .tv_sec = sleep / 1000000, .tv_nsec = sleep % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		continue;
	while (now_us() < until)
		continue;
}

static void refuse_unknown(const char *password, struct refusals *refusals, int64_t begun)
{
	int64_t taking = some_refusal(refusals);

	/* With a fifth to spare: the next hash may take longer than the last. */
	if (refusals->count == 0 || refusals->hash <= taking - taking / 5) {
		burn(password);
		refusals->hash = now_us() - begun;
	}
	wait_until(begun + taking);
}

static void log_look_up(const char *user, int error)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ERROR, "pam-lookup-failed");
	log_number(&line, "code", (uint64_t)error);
	log_quoted(&line, "why", str_of(strerror(error)));
	log_quoted(&line, "user", str_of(user));
	log_end(&line);
}

/*
 * YES, UNKNOWN or TROUBLE. NSS says 0 without an entry when all its sources have said no; every
 * error may mean a source that did not answer (a directory that is down), and then mail must wait
 * and not bounce.
 */
static void look_up(const struct settings *settings, const char *user,
		    struct helper_reply *reply)
{
	struct passwd entry, *found = NULL;
	char *memory = malloc(ENTRY_OCTETS);
	int error = memory == NULL ? ENOMEM
				   : getpwnam_r(user, &entry, memory, ENTRY_OCTETS, &found);

	*reply = (struct helper_reply){ .verdict = HELPER_UNKNOWN, .stage = HELPER_AT_LOOK_UP };
	/* A directory may find "Ann" for "ann": that is another user. */
	if (found != NULL && found->pw_uid >= settings->uid_min &&
	    strcmp(found->pw_name, user) == 0)
		reply->verdict = HELPER_YES;
	if (found == NULL && error != 0) {
		reply->verdict = HELPER_TROUBLE;
		reply->code = (unsigned char)error;
		log_look_up(user, error);
	}
	free(memory);
}

static bool service_is_allowed(const struct settings *settings, struct str service)
{
	for (size_t i = 0; i < settings->service_count; i++)
		if (str_equal(service, str_of(settings->services[i])))
			return true;
	return false;
}

static void log_service(struct str service)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ERROR, "pam-service-refused");
	log_quoted(&line, "service", service);
	log_end(&line);
}

static void copy(char *to, struct str from)
{
	if (from.n > 0)
		memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

/* After the look-up; the user is known or not. */
static void log_in(const struct helper_request *request, struct refusals *refusals,
		   struct helper_reply *reply)
{
	char user[HELPER_USER_MAX + 1];
	char password[PASSWORD_MAX + 1];
	char address[HELPER_ADDRESS_MAX + 1];
	char service[HELPER_SERVICE_MAX + 1];
	int64_t begun = now_us();

	copy(user, request->user);
	copy(password, request->password);
	copy(address, request->address);
	copy(service, request->service);
	if (reply->verdict == HELPER_YES)
		verify_login(&(struct login){ user, password, address, service }, reply);
	else
		refuse_unknown(password, refusals, begun);
	if (reply->verdict == HELPER_NO)
		learn(refusals, now_us() - begun);
	explicit_bzero(password, sizeof password);
}

void answer_request(const struct settings *settings, const struct helper_request *request,
		    struct refusals *refusals, struct helper_reply *reply)
{
	char user[HELPER_USER_MAX + 1];

	if (request->kind != HELPER_LOOK_UP &&
	    !service_is_allowed(settings, request->service)) {
		log_service(request->service);
		*reply = (struct helper_reply){ .verdict = HELPER_TROUBLE,
						.stage = HELPER_AT_START };
		return;
	}
	copy(user, request->user);
	look_up(settings, user, reply);
	/* Looked up all the same: that takes its time, and may fail. */
	if (request->kind == HELPER_PRETEND && reply->verdict == HELPER_YES)
		reply->verdict = HELPER_UNKNOWN;
	if (request->kind != HELPER_LOOK_UP && reply->verdict != HELPER_TROUBLE)
		log_in(request, refusals, reply);
}
