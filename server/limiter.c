/* Who must wait before a login, and how long: see limiter.h. */
#include "limiter.h"

#include <assert.h>
#include <ctype.h>

#include "restante/limits.h"

/* Failures that are not forgotten yet. One is forgotten every LIMITER_FORGET_SECONDS. */
struct tally {
	uint32_t since; /* monotonic seconds: the oldest begins to be forgotten */
	uint32_t failures;
};

/* Turns for what has failed often. */
struct turns {
	struct tally tally;
	int64_t next; /* monotonic ms: nobody's before */
};

struct source_entry {
	struct turns turns;
	/* Of the last refused credentials, newest first; 0 = none. */
	uint32_t refused[LIMITER_REFUSED_KEPT];
};

/* Where an account has logged in. */
struct home {
	struct source source;
	uint32_t at; /* monotonic seconds of the last login, from 1; 0 = free */
	struct tally tally;
};

struct homes_entry {
	struct home home[LIMITER_HOMES];
};

struct login_entry {
	int64_t at; /* monotonic ms */
};

bool limiter_open(struct limiter *limiter)
{
	memset(limiter, 0, sizeof *limiter);
	if (pthread_mutex_init(&limiter->mutex, NULL) != 0)
		return false;
	limiter->open = true;
	if (siphash_key_make(&limiter->name_key[0]) &&
	    siphash_key_make(&limiter->name_key[1]) && siphash_key_make(&limiter->secret_key) &&
	    recent_open(&limiter->sources, LIMITER_SOURCES, sizeof(struct source_entry)) &&
	    recent_open(&limiter->accounts, LIMITER_ACCOUNTS, sizeof(struct turns)) &&
	    recent_open(&limiter->homes, LIMITER_ACCOUNTS, sizeof(struct homes_entry)) &&
	    recent_open(&limiter->logins, LIMITER_ACCOUNTS, sizeof(struct login_entry)))
		return true;
	limiter_close(limiter);
	return false;
}

void limiter_close(struct limiter *limiter)
{
	if (!limiter->open)
		return;
	recent_close(&limiter->sources);
	recent_close(&limiter->accounts);
	recent_close(&limiter->homes);
	recent_close(&limiter->logins);
	pthread_mutex_destroy(&limiter->mutex);
	explicit_bzero(limiter, sizeof *limiter);
}

/* --- keys -------------------------------------------------------------------------------- */

static struct recent_key key_of_source(const struct source *source)
{
	struct recent_key key = { { 0 } };

	static_assert(sizeof *source <= sizeof key, "a source is its own key");
	memcpy(key.octets, source, sizeof *source);
	return key;
}

/* 128 bits under our keys stand for a name: nobody finds two names of one key. */
static struct recent_key key_of_name(const struct limiter *limiter, struct str name)
{
	struct recent_key key;

	for (int i = 0; i < 2; i++) {
		uint64_t half = siphash(&limiter->name_key[i], name);

		memcpy(key.octets + 8 * i, &half, sizeof half);
	}
	return key;
}

/* Addresses are compared without case. What is longer is nobody's. */
static struct recent_key key_of_user(const struct limiter *limiter, struct str user)
{
	char lower[ADDRESS_MAX];
	size_t n = user.n < sizeof lower ? user.n : sizeof lower;

	for (size_t i = 0; i < n; i++)
		lower[i] = (char)tolower((unsigned char)user.p[i]);
	return key_of_name(limiter, (struct str){ lower, n });
}

/* A few bits, enough to know the same credentials again, and too few to find a password by. */
static uint32_t mark_of(const struct limiter *limiter, const struct recent_key *user,
			struct str secret)
{
	char octets[sizeof user->octets + PASSWORD_MAX];
	size_t n = secret.n < PASSWORD_MAX ? secret.n : PASSWORD_MAX;
	uint32_t mark;

	memcpy(octets, user->octets, sizeof user->octets);
	memcpy(octets + sizeof user->octets, secret.p, n);
	mark = (uint32_t)siphash(&limiter->secret_key,
				 (struct str){ octets, sizeof user->octets + n });
	explicit_bzero(octets, sizeof octets);
	return mark != 0 ? mark : 1;
}

/* --- failures ---------------------------------------------------------------------------- */

static void forget(struct tally *tally, uint32_t now)
{
	uint32_t forgotten = (now - tally->since) / LIMITER_FORGET_SECONDS;

	if (forgotten >= tally->failures) {
		*tally = (struct tally){ .since = now };
		return;
	}
	tally->failures -= forgotten;
	tally->since += forgotten * LIMITER_FORGET_SECONDS;
}

static void count(struct tally *tally, const struct limiter_rule *rule, uint32_t now)
{
	forget(tally, now);
	/* More would only make the forgetting longer. */
	if (tally->failures < rule->failures + LIMITER_FAILURES_ABOVE)
		tally->failures++;
}

/* How long after one attempt the next may come. */
static int64_t interval(const struct tally *tally, const struct limiter_rule *rule)
{
	int64_t ms = LIMITER_STEP_MILLISECONDS;

	if (tally->failures < rule->failures)
		return 0;
	for (uint32_t i = rule->failures; i < tally->failures && ms < rule->delay_ms; i++)
		ms *= 2;
	return ms < rule->delay_ms ? ms : rule->delay_ms;
}

static void fail(struct turns *turns, const struct limiter_rule *rule, int64_t now)
{
	int64_t ms;

	count(&turns->tally, rule, (uint32_t)(now / 1000));
	ms = interval(&turns->tally, rule);
	if (ms > 0 && turns->next < now + ms)
		turns->next = now + ms;
}

/* Takes a turn: how long until then. `welcome`: is never turned away, and takes no far turn. */
static int64_t take_turn(struct turns *turns, const struct limiter_rule *rule, bool welcome,
			 int64_t now)
{
	int64_t turn = turns->next > now ? turns->next : now;
	int64_t ms;

	forget(&turns->tally, (uint32_t)(now / 1000));
	ms = interval(&turns->tally, rule);
	if (ms == 0)
		return 0;
	if (turn - now > rule->delay_ms)
		return welcome ? rule->delay_ms : LIMITER_LATER;
	turns->next = turn + ms;
	return turn - now;
}

/* --- homes ------------------------------------------------------------------------------- */

static struct home *find_home(struct limiter *limiter, const struct recent_key *user,
			      const struct source *source, uint32_t now)
{
	struct homes_entry *entry = recent_find(&limiter->homes, user);

	for (int i = 0; entry != NULL && i < LIMITER_HOMES; i++) {
		struct home *home = &entry->home[i];

		if (home->at != 0 && now - home->at < LIMITER_HOME_SECONDS &&
		    memcmp(&home->source, source, sizeof *source) == 0)
			return home;
	}
	return NULL;
}

static bool at_home(struct home *home, const struct limiter_rule *rule, uint32_t now)
{
	if (home == NULL)
		return false;
	forget(&home->tally, now);
	return home->tally.failures < rule->failures;
}

/* A place for one more: a free one, or that of the login longest ago. */
static struct home *new_home(struct homes_entry *entry)
{
	struct home *oldest = &entry->home[0];

	for (int i = 1; i < LIMITER_HOMES; i++)
		if (entry->home[i].at < oldest->at)
			oldest = &entry->home[i];
	return oldest;
}

/* --- what is asked ----------------------------------------------------------------------- */

static int64_t ask(struct limiter *limiter, const struct limiter_rule *rule,
		   const struct limiter_login *login, int64_t now)
{
	struct recent_key source_key = key_of_source(&login->source);
	struct recent_key user = key_of_user(limiter, login->user);
	struct source_entry *source = NULL;
	struct turns *account;
	int64_t wait = 0, wait_account = 0;
	uint32_t seconds = (uint32_t)(now / 1000);

	if (at_home(find_home(limiter, &user, &login->source, seconds), rule, seconds))
		return 0;
	if (!login->local)
		source = recent_find(&limiter->sources, &source_key);
	if (source != NULL)
		wait = take_turn(&source->turns, rule, false, now);
	if (wait == LIMITER_LATER)
		return wait;
	account = recent_find(&limiter->accounts, &user);
	if (account != NULL)
		wait_account =
			take_turn(account, rule,
				  source == NULL || source->turns.tally.failures == 0, now);
	return wait_account == LIMITER_LATER || wait_account > wait ? wait_account : wait;
}

int64_t limiter_ask(struct limiter *limiter, const struct limiter_rule *rule,
		    const struct limiter_login *login, int64_t now)
{
	int64_t wait;

	if (rule->failures == 0)
		return 0;
	pthread_mutex_lock(&limiter->mutex);
	wait = ask(limiter, rule, login, now);
	pthread_mutex_unlock(&limiter->mutex);
	return wait;
}

/* True when these credentials are among the last refused; they are from now on. */
static bool remember(struct source_entry *source, uint32_t mark)
{
	int at = 0;
	bool known;

	while (at < LIMITER_REFUSED_KEPT - 1 && source->refused[at] != mark)
		at++;
	known = source->refused[at] == mark;
	memmove(source->refused + 1, source->refused, (size_t)at * sizeof source->refused[0]);
	source->refused[0] = mark;
	return known;
}

static bool failed(struct limiter *limiter, const struct limiter_rule *rule,
		   const struct limiter_login *login, int64_t now)
{
	struct recent_key source_key = key_of_source(&login->source);
	struct recent_key user = key_of_user(limiter, login->user);
	struct source_entry *source = recent_make(&limiter->sources, &source_key);
	uint32_t seconds = (uint32_t)(now / 1000);
	struct home *home;
	bool homely;

	if (login->secret.n > 0 && remember(source, mark_of(limiter, &user, login->secret)))
		return false;
	home = find_home(limiter, &user, &login->source, seconds);
	homely = at_home(home, rule, seconds);
	if (home != NULL)
		count(&home->tally, rule, seconds);
	/* Those who share a user's address need not suffer from that user's mistakes. */
	if (!login->local && !homely)
		fail(&source->turns, rule, now);
	fail(recent_make(&limiter->accounts, &user), rule, now);
	return true;
}

bool limiter_failed(struct limiter *limiter, const struct limiter_rule *rule,
		    const struct limiter_login *login, int64_t now)
{
	bool counted;

	pthread_mutex_lock(&limiter->mutex);
	counted = failed(limiter, rule, login, now);
	pthread_mutex_unlock(&limiter->mutex);
	return counted;
}

void limiter_succeeded(struct limiter *limiter, const struct limiter_login *login, int64_t now)
{
	uint32_t seconds = (uint32_t)(now / 1000);
	struct recent_key user;
	struct home *home;

	pthread_mutex_lock(&limiter->mutex);
	user = key_of_user(limiter, login->user);
	home = find_home(limiter, &user, &login->source, seconds);
	if (home == NULL)
		home = new_home(recent_make(&limiter->homes, &user));
	*home = (struct home){ .source = login->source, .at = seconds != 0 ? seconds : 1 };
	pthread_mutex_unlock(&limiter->mutex);
}

/* --- LOGIN-DELAY ------------------------------------------------------------------------- */

static struct recent_key key_of_maildrop(const struct limiter *limiter,
					 const struct maildrop_key *key)
{
	return key_of_name(limiter, str_of(key->id));
}

int64_t limiter_login_wait(struct limiter *limiter, const struct maildrop_key *key,
			   int64_t delay_ms, int64_t now)
{
	const struct login_entry *login;
	struct recent_key name;
	int64_t wait = 0;

	if (delay_ms == 0)
		return 0;
	pthread_mutex_lock(&limiter->mutex);
	name = key_of_maildrop(limiter, key);
	login = recent_find(&limiter->logins, &name);
	if (login != NULL && login->at + delay_ms > now)
		wait = login->at + delay_ms - now;
	pthread_mutex_unlock(&limiter->mutex);
	return wait;
}

void limiter_note_login(struct limiter *limiter, const struct maildrop_key *key, int64_t now)
{
	struct login_entry *login;
	struct recent_key name;

	pthread_mutex_lock(&limiter->mutex);
	name = key_of_maildrop(limiter, key);
	login = recent_make(&limiter->logins, &name);
	login->at = now;
	pthread_mutex_unlock(&limiter->mutex);
}
