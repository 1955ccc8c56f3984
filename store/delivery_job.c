/*
 * What a delivery does in one shard's database: the body of its jobs, on the writer's thread. A
 * job may run more than once (batch.c), so every result is set anew each time.
 */
#include "base/log.h"
#include "base/number.h"
#include "store/delivery_private.h"

/* Chunks of one body: 16 bits of chunk.id. */
#define CHUNKS_MAX 65536

static enum store_status add_chunk(struct shard *shard, uint64_t body, uint64_t number,
				   struct str octets, struct fault *fault)
{
	if (number >= CHUNKS_MAX) {
		fault_set(fault, "a message of more than %d chunks", CHUNKS_MAX);
		return STORE_TOO_LARGE;
	}
	bind_u64(shard->stmt[W_CHUNK_ADD], 1, body << 16 | number);
	bind_blob(shard->stmt[W_CHUNK_ADD], 2, octets.p, octets.n);
	return statement_run(shard->stmt[W_CHUNK_ADD], fault);
}

struct body_facts {
	uint64_t id;
	uint64_t refs;
	uint64_t chunks;
	uint64_t octets;
};

static enum store_status add_body(struct shard *shard, struct body_facts *body,
				  struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_BODY_ADD];
	enum store_status status;

	bind_u64(stmt, 1, body->refs);
	bind_u64(stmt, 2, body->chunks);
	bind_u64(stmt, 3, body->octets);
	status = statement_run(stmt, fault);
	if (status == STORE_OK)
		body->id = (uint64_t)sqlite3_last_insert_rowid(shard->db);
	return status;
}

static enum store_status set_body(struct shard *shard, const struct body_facts *body,
				  struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_BODY_SET];

	bind_u64(stmt, 1, body->id);
	bind_u64(stmt, 2, body->refs);
	bind_u64(stmt, 3, body->chunks);
	bind_u64(stmt, 4, body->octets);
	return statement_run(stmt, fault);
}

/* --- one chunk of a large message ------------------------------------------------------------ */

enum store_status delivery_stage_run(struct store_job *job, void *writer)
{
	struct delivery_part *part = (struct delivery_part *)job;
	const struct delivery *delivery = part->delivery;
	struct shard *shard = writer;
	struct str octets = { delivery->buffer, delivery->n };
	struct body_facts body = { part->body, 0, delivery->chunks + 1,
				   (delivery->chunks + 1) * STORE_CHUNK_OCTETS };
	enum store_status status;

	if (part->failed != STORE_OK)
		return part->failed;
	if (delivery->chunks == 0)
		status = add_body(shard, &body, &job->fault);
	else
		status = set_body(shard, &body, &job->fault);
	if (status == STORE_OK)
		status = add_chunk(shard, body.id, delivery->chunks, octets, &job->fault);
	if (status == STORE_OK)
		part->body = body.id;
	return status;
}

/* --- what becomes of each target ------------------------------------------------------------- */

/* STORE_OK and *uid: the same delivery came before. */
static enum store_status find_recent(struct shard *shard, const struct delivery *delivery,
				     uint64_t mailbox, uint64_t *uid, struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_RECENT_FIND];
	enum store_status status;

	if (!delivery->has_digest)
		return STORE_NOT_FOUND;
	bind_u64(stmt, 1, mailbox);
	bind_blob(stmt, 2, delivery->digest, sizeof delivery->digest);
	bind_i64(stmt, 3, delivery->received / 86400);
	bind_i64(stmt, 4, delivery->received - DUPLICATE_SECONDS);
	status = statement_row(stmt, fault);
	if (status == STORE_OK)
		*uid = column_u64(stmt, 0);
	statement_reset(stmt);
	return status;
}

/* RFC 2033: a full maildrop refuses for its recipient alone. */
static enum store_status check_quota(const struct delivery_target *target,
				     const struct mailbox_row *mailbox)
{
	uint64_t octets;
	uint64_t messages;

	if (target->quota_octets > 0 && target->octets > target->quota_octets)
		return STORE_TOO_LARGE;
	if (!number_add(mailbox->octets, target->octets, &octets) || octets > INT64_MAX ||
	    !number_add(mailbox->messages, 1, &messages))
		return STORE_OVER_QUOTA;
	if (target->quota_octets > 0 && octets > target->quota_octets)
		return STORE_OVER_QUOTA;
	if (target->quota_messages > 0 && messages > target->quota_messages)
		return STORE_OVER_QUOTA;
	return STORE_OK;
}

/* Sets the target's results; *wanted counts those to be stored. */
static enum store_status decide(struct shard *shard, const struct delivery *delivery,
				struct delivery_target *target, uint64_t *wanted,
				struct fault *fault)
{
	struct mailbox_row mailbox;
	enum store_status status = mailbox_need(shard, target->key.id, &mailbox, fault);

	target->status = STORE_OK;
	target->duplicate = false;
	target->uid = 0;
	target->octets = strlen(target->prefix) + delivery->form.octets;
	if (status != STORE_OK)
		return status;
	status = find_recent(shard, delivery, mailbox.id, &target->uid, fault);
	if (status == STORE_OK) {
		target->duplicate = true;
		return STORE_OK;
	}
	if (status != STORE_NOT_FOUND)
		return status;
	target->status = check_quota(target, &mailbox);
	if (target->status == STORE_OK)
		(*wanted)++;
	return STORE_OK;
}

/* --- the body ---------------------------------------------------------------------------------- */

/* A staged body must be as this delivery left it. */
static enum store_status check_staged(struct shard *shard, const struct delivery_part *part,
				      struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_BODY_GET];
	enum store_status status;
	bool intact = false;

	bind_u64(stmt, 1, part->body);
	status = statement_row(stmt, fault);
	if (status == STORE_OK)
		intact = column_u64(stmt, 0) == 0 &&
			 column_u64(stmt, 1) == part->delivery->chunks;
	statement_reset(stmt);
	if (intact || (status != STORE_OK && status != STORE_NOT_FOUND))
		return status;
	fault_set(fault, "staged body %llu has lost chunks", (unsigned long long)part->body);
	return STORE_UNAVAILABLE;
}

/* What is still in memory: one chunk, and a few octets more when the end did not fit. */
static enum store_status add_last_chunks(struct shard *shard, const struct delivery *delivery,
					 uint64_t body, struct fault *fault)
{
	struct str rest = { delivery->buffer, delivery->n };
	enum store_status status = STORE_OK;

	for (uint64_t number = delivery->chunks; rest.n > 0 && status == STORE_OK; number++) {
		struct str piece = rest;

		if (piece.n > STORE_CHUNK_OCTETS)
			piece.n = STORE_CHUNK_OCTETS;
		status = add_chunk(shard, body, number, piece, fault);
		rest = str_from(rest, piece.n);
	}
	return status;
}

static enum store_status store_body(struct shard *shard, struct delivery_part *part,
				    uint64_t refs, struct fault *fault)
{
	const struct delivery *delivery = part->delivery;
	uint64_t last = (delivery->n + STORE_CHUNK_OCTETS - 1) / STORE_CHUNK_OCTETS;
	struct body_facts body = { part->body, refs, delivery->chunks + last,
				   delivery->form.octets };
	enum store_status status;

	if (delivery->chunks > 0) {
		status = check_staged(shard, part, fault);
		if (status == STORE_OK)
			status = set_body(shard, &body, fault);
	} else {
		status = add_body(shard, &body, fault);
	}
	if (status == STORE_OK)
		status = add_last_chunks(shard, delivery, body.id, fault);
	if (status == STORE_OK)
		part->body = body.id;
	return status;
}

/* --- the message in one maildrop ------------------------------------------------------------- */

/* The prefix has lines of its own: its facts join the body's. */
static struct canonical look_at_prefix(struct str prefix)
{
	char scratch[STORE_PREFIX_MAX];
	struct canonical facts = { 0 };

	(void)canonical_add(&facts, &prefix, scratch, sizeof scratch);
	return facts;
}

static enum store_status add_message(struct shard *shard, const struct delivery_part *part,
				     const struct delivery_target *target,
				     const struct mailbox_row *mailbox, struct fault *fault)
{
	const struct delivery *delivery = part->delivery;
	const struct canonical *form = &delivery->form;
	struct str prefix = str_of(target->prefix);
	struct canonical facts = look_at_prefix(prefix);
	uint64_t longest = facts.longest > form->longest ? facts.longest : form->longest;
	sqlite3_stmt *stmt = shard->stmt[W_MESSAGE_ADD];

	bind_u64(stmt, 1, mailbox->id);
	bind_u64(stmt, 2, mailbox->uidnext);
	bind_u64(stmt, 3, target->octets);
	bind_u64(stmt, 4, prefix.n + form->header_octets);
	bind_u64(stmt, 5, longest < UINT32_MAX ? longest : UINT32_MAX);
	bind_u64(stmt, 6, facts.flags | form->flags | delivery->flags);
	bind_i64(stmt, 7, delivery->received);
	bind_u64(stmt, 8, mailbox->epoch);
	bind_u64(stmt, 9, part->body);
	bind_u64(stmt, 10, prefix.n);
	bind_blob(stmt, 11, prefix.p, prefix.n);
	return statement_run(stmt, fault);
}

static enum store_status remember(struct shard *shard, const struct delivery *delivery,
				  const struct mailbox_row *mailbox, struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_RECENT_ADD];

	if (!delivery->has_digest)
		return STORE_OK;
	bind_i64(stmt, 1, delivery->received / 86400);
	bind_u64(stmt, 2, mailbox->id);
	bind_blob(stmt, 3, delivery->digest, sizeof delivery->digest);
	bind_i64(stmt, 4, delivery->received);
	bind_u64(stmt, 5, mailbox->uidnext);
	return statement_run(stmt, fault);
}

static enum store_status store_message(struct shard *shard, const struct delivery_part *part,
				       struct delivery_target *target, struct fault *fault)
{
	struct mailbox_row mailbox;
	enum store_status status = mailbox_need(shard, target->key.id, &mailbox, fault);

	if (status == STORE_OK)
		status = add_message(shard, part, target, &mailbox, fault);
	if (status == STORE_OK)
		status = remember(shard, part->delivery, &mailbox, fault);
	if (status == STORE_OK) {
		bind_u64(shard->stmt[W_MAILBOX_GREW], 1, mailbox.id);
		bind_u64(shard->stmt[W_MAILBOX_GREW], 2, target->octets);
		status = statement_run(shard->stmt[W_MAILBOX_GREW], fault);
	}
	if (status == STORE_OK)
		target->uid = mailbox.uidnext;
	return status;
}

static bool concerns(const struct delivery_target *target, const struct shard *shard)
{
	return target->key.shard == shard->number;
}

static bool to_be_stored(const struct delivery_target *target)
{
	return target->status == STORE_OK && !target->duplicate;
}

enum store_status delivery_store_run(struct store_job *job, void *writer)
{
	struct delivery_part *part = (struct delivery_part *)job;
	struct delivery *delivery = part->delivery;
	struct shard *shard = writer;
	enum store_status status = part->failed;
	uint64_t wanted = 0;

	part->visible = false;
	for (size_t i = 0; i < delivery->count && status == STORE_OK; i++)
		if (concerns(&delivery->targets[i], shard))
			status = decide(shard, delivery, &delivery->targets[i], &wanted,
					&job->fault);
	if (status != STORE_OK || wanted == 0)
		return status;
	status = store_body(shard, part, wanted, &job->fault);
	for (size_t i = 0; i < delivery->count && status == STORE_OK; i++)
		if (concerns(&delivery->targets[i], shard) &&
		    to_be_stored(&delivery->targets[i]))
			status = store_message(shard, part, &delivery->targets[i], &job->fault);
	part->visible = status == STORE_OK;
	return status;
}

bool delivery_store_happened(struct store_job *job, void *writer)
{
	struct delivery_part *part = (struct delivery_part *)job;
	struct delivery *delivery = part->delivery;
	struct shard *shard = writer;
	struct fault fault;
	bool happened = false;

	for (size_t i = 0; i < delivery->count && !happened; i++) {
		const struct delivery_target *target = &delivery->targets[i];
		struct mailbox_row mailbox;

		if (!concerns(target, shard) || !to_be_stored(target) ||
		    mailbox_find(shard, target->key.id, &mailbox, &fault) != STORE_OK)
			continue;
		/* The number is given to the next message, unless this one has it. */
		happened = target->uid != 0 && mailbox.uidnext > target->uid;
	}
	return happened;
}
