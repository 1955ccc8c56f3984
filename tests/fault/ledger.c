/* See ledger.h: the part that works on a store and writes down what it was told. */
#include "ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ledger_body.h"

struct ledger *ledger_new(void)
{
	void *memory = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

void ledger_forget(struct ledger *ledger)
{
	if (madvise(ledger, sizeof *ledger, MADV_REMOVE) != 0)
		abort();
}

struct maildrop_key ledger_key(unsigned maildrop)
{
	struct maildrop_key key = { .shard = maildrop % LEDGER_SHARDS };

	(void)snprintf(key.id, sizeof key.id, "%032x", maildrop + 0xabc000);
	return key;
}

/* --- waiting ---------------------------------------------------------------------------------- */

struct wait {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned left;
	enum store_status status;
};
#define WAIT_FOR(n)                                                                   \
	{                                                                             \
		.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, \
		.left = (n)                                                           \
	}

static void wake(struct wait *wait, enum store_status status)
{
	pthread_mutex_lock(&wait->mutex);
	wait->status = status;
	wait->left--;
	pthread_cond_signal(&wait->cond);
	pthread_mutex_unlock(&wait->mutex);
}

static enum store_status await(struct wait *wait)
{
	pthread_mutex_lock(&wait->mutex);
	while (wait->left > 0)
		pthread_cond_wait(&wait->cond, &wait->mutex);
	pthread_mutex_unlock(&wait->mutex);
	return wait->status;
}

static void delivery_wake(void *context, enum store_status status, const struct fault *fault)
{
	(void)fault;
	wake(context, status);
}

static void job_wake(struct store_job *job)
{
	wake(job->context, job->status);
}

/* --- deliveries -------------------------------------------------------------------------------- */

struct sending {
	struct ledger *ledger;
	unsigned count;
	uint32_t first; /* number of the first copy */
	struct delivery_target targets[LEDGER_MAILDROPS];
	char prefix[LEDGER_MAILDROPS][LEDGER_PREFIX_MAX];
	struct delivery *delivery;
};

static bool begin(struct sending *sending, struct store *store, unsigned first, unsigned count,
		  size_t octets)
{
	sending->count = count;
	sending->first = atomic_fetch_add(&sending->ledger->copies, count) + 1;
	if (sending->first + count > LEDGER_COPIES)
		abort();
	for (unsigned i = 0; i < count; i++) {
		body_prefix(sending->prefix[i], sending->first + i, sending->first, octets);
		sending->targets[i] = (struct delivery_target){
			.key = ledger_key((first + i) % LEDGER_MAILDROPS),
			.prefix = sending->prefix[i],
		};
	}
	return delivery_begin(store, sending->targets, count, 0, &sending->delivery) ==
	       STORE_OK;
}

/* False when it cannot be finished. */
static bool append(struct sending *sending, size_t octets)
{
	char piece[8192];

	for (size_t at = 0; at < octets;) {
		struct str part = { piece,
				    octets - at < sizeof piece ? octets - at : sizeof piece };

		body_octets(piece, sending->first, octets, at, part.n);
		at += part.n;
		while (part.n > 0) {
			struct wait wait = WAIT_FOR(1);

			switch (delivery_append(sending->delivery, &part)) {
			case DELIVERY_TAKEN:
				break;
			case DELIVERY_NO_MEMORY:
				return false;
			case DELIVERY_FLUSH:
				delivery_flush(sending->delivery, delivery_wake, &wait);
				if (await(&wait) != STORE_OK)
					return false;
				break;
			}
		}
	}
	return true;
}

static void write_down(struct sending *sending)
{
	for (unsigned i = 0; i < sending->count; i++)
		if (sending->targets[i].status == STORE_OK) {
			atomic_store(&sending->ledger->copy[sending->first + i].state,
				     COPY_KEPT);
			atomic_fetch_add(&sending->ledger->copies_kept, 1);
		}
}

static void mark_sent(struct sending *sending)
{
	for (unsigned i = 0; i < sending->count; i++)
		atomic_store(&sending->ledger->copy[sending->first + i].state, COPY_SENT);
}

void ledger_deliver(struct ledger *ledger, struct store *store, unsigned first, unsigned count,
		    size_t octets, bool abandon)
{
	struct sending sending = { .ledger = ledger };
	struct wait wait = WAIT_FOR(1);

	if (!begin(&sending, store, first, count, octets))
		return;
	if (append(&sending, octets) && !abandon) {
		mark_sent(&sending);
		delivery_finish(sending.delivery, NULL, delivery_wake, &wait);
		(void)await(&wait);
		write_down(&sending);
	}
	delivery_close(&sending.delivery);
}

void ledger_deliver_together(struct ledger *ledger, struct store *store, unsigned count)
{
	struct sending sending[LEDGER_MAILDROPS];
	struct wait wait = WAIT_FOR(count);

	for (unsigned i = 0; i < count; i++) {
		sending[i] = (struct sending){ .ledger = ledger };
		if (begin(&sending[i], store, i, 1, 300) && append(&sending[i], 300)) {
			mark_sent(&sending[i]);
			delivery_finish(sending[i].delivery, NULL, delivery_wake, &wait);
		} else {
			delivery_close(&sending[i].delivery);
			wake(&wait, STORE_UNAVAILABLE);
		}
	}
	(void)await(&wait);
	for (unsigned i = 0; i < count; i++) {
		if (sending[i].delivery != NULL)
			write_down(&sending[i]);
		delivery_close(&sending[i].delivery);
	}
}

/* --- sessions ----------------------------------------------------------------------------------- */

/* Marks and writes down which quit they belong to. */
static unsigned mark(struct ledger *ledger, struct store_reader *reader,
		     struct maildrop *maildrop, unsigned every, uint32_t quit)
{
	struct fault fault;
	unsigned marked = 0;

	for (uint64_t msgno = 1; msgno <= maildrop_last(maildrop) && msgno <= 40;
	     msgno += every) {
		char prefix[LEDGER_PREFIX_MAX];
		struct message message;
		struct body_numbers numbers;
		size_t n;

		if (maildrop_message(reader, maildrop, msgno, &message, &fault) != STORE_OK ||
		    message_read(reader, maildrop, &message, 0, prefix, sizeof prefix, &n,
				 &fault) != STORE_OK ||
		    !body_parse(prefix, n, &numbers) ||
		    maildrop_mark(maildrop, &message) != STORE_OK)
			break;
		atomic_store(&ledger->copy[numbers.copy].quit, quit);
		marked++;
	}
	return marked;
}

void ledger_quit(struct ledger *ledger, struct store *store, struct store_reader *reader,
		 unsigned number, unsigned every)
{
	struct maildrop_key key = ledger_key(number);
	uint32_t quit = atomic_fetch_add(&ledger->quits, 1) + 1;
	struct lock_holder holder = { .session = quit, .peer = "192.0.2.9" };
	struct lock_holder other;
	struct maildrop_lock *lock = NULL;
	struct wait wait = WAIT_FOR(1);
	struct maildrop_update update = { .job = { .done = job_wake, .context = &wait },
					  .by = { .session = quit, .peer = "192.0.2.9" } };
	struct fault fault;

	if (quit >= LEDGER_QUITS)
		abort();
	if (maildrop_lock(store, &key, &holder, &lock, &other) != STORE_OK)
		return;
	if (maildrop_open(reader, &key, &update.maildrop, &fault) != STORE_OK ||
	    mark(ledger, reader, update.maildrop, every, quit) == 0) {
		maildrop_unlock(store, &lock);
		maildrop_close(&update.maildrop);
		return;
	}
	atomic_store(&ledger->quit[quit], QUIT_SENT);
	maildrop_update_submit(store, &update, &lock);
	if (await(&wait) == STORE_OK) {
		atomic_store(&ledger->quit[quit], QUIT_OK);
		atomic_fetch_add(&ledger->quits_ok, 1);
	}
	maildrop_close(&update.maildrop);
}
