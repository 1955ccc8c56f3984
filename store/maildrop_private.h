/*
 * A reader's connections and a session's view, between reader.c, maildrop.c, marks.c, update.c.
 */
#ifndef RESTANTE_STORE_MAILDROP_PRIVATE_H
#define RESTANTE_STORE_MAILDROP_PRIVATE_H

#include "store/store_private.h"

/* A reader's kept statements; texts in reader.c. */
enum reader_stmt {
	R_USAGE,
	R_OPEN,
	R_CHANGE,
	R_LIST_LIVE,
	R_LIST_SNAPSHOT,
	R_MESSAGE,
	R_CHUNK,
	R_STMT_COUNT
};
extern const char *const reader_sql[R_STMT_COUNT];

struct reader_shard {
	sqlite3 *db; /* NULL: not opened yet */
	sqlite3_stmt *stmt[R_STMT_COUNT];
};

struct store_reader {
	struct store *store;
	bool holding;
	struct reader_shard
		*held; /* whose R_CHANGE stands on its row, and keeps a transaction */
	uint64_t held_mailbox;
	struct reader_shard shards[];
};

/* The connection to a shard, opened at first use. */
MUST_USE enum store_status reader_shard(struct store_reader *reader, unsigned shard,
					struct reader_shard **to, struct fault *fault);

/*
 * The mailbox's change number now. The transaction it was read in lasts until reader_looked, or,
 * while the reader is held, until it rests or looks at another maildrop.
 */
MUST_USE enum store_status reader_look(struct store_reader *reader, struct reader_shard *shard,
				       uint64_t mailbox, uint64_t *change, struct fault *fault);
void reader_looked(struct store_reader *reader, struct reader_shard *shard);
/* Ends a transaction that is held, if there is one. */
void reader_let_go(struct store_reader *reader);

/* A message number and its uid. */
struct place {
	uint64_t msgno;
	uint64_t uid;
};

struct maildrop {
	struct maildrop_key key;
	uint64_t mailbox; /* 0: no row yet, so empty */
	uint64_t messages;
	uint64_t octets;
	uint64_t uidnext;
	uint64_t change;
	/* anchors[i]: the uid of message i * STORE_ANCHOR_STEP + 1; learnt in order */
	uint64_t *anchors;
	size_t anchor_count;
	size_t anchor_cap;
	struct place last; /* the message looked at last */
	uint64_t *marks;   /* a bit per message, made at the first mark */
	uint64_t marked;
	uint64_t marked_octets;
};

/* Columns of a listing row, in this order, and how a row becomes a struct message. */
#define MESSAGE_COLUMNS                                                                 \
	"uid, octets, header_octets, longest_line, flags, received, epoch, uidl, body," \
	" prefix_octets"
#define MESSAGE_COLUMN_COUNT 10
void message_from_row(sqlite3_stmt *stmt, struct message *message);

bool marks_has(const struct maildrop *maildrop, uint64_t msgno);
/* The next message from `msgno` on that is (not) marked; messages + 1 when there is none. */
uint64_t marks_next(const struct maildrop *maildrop, uint64_t msgno, bool marked);
/* The known place nearest before `msgno`. */
struct place maildrop_place(const struct maildrop *maildrop, uint64_t msgno);

#endif
