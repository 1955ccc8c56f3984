/*
 * A reader's connections and a session's view, between reader.c, maildrop.c, maildrop_list.c,
 * slice.c, marks.c, update.c.
 */
#ifndef RESTANTE_STORE_MAILDROP_PRIVATE_H
#define RESTANTE_STORE_MAILDROP_PRIVATE_H

#include "store/listing.h"
#include "store/store_private.h"

/* A reader's kept statements; texts in reader.c. */
enum reader_stmt {
	R_USAGE,
	R_OPEN,
	R_CHANGE,
	R_MESSAGES_LIVE,
	R_MESSAGES_SNAPSHOT,
	R_LISTED_LIVE,
	R_LISTED_SNAPSHOT,
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
	/* While holding: what stands on its row and keeps a transaction. */
	struct reader_shard *held; /* NULL = nothing */
	uint64_t held_mailbox;
	bool held_change;  /* R_CHANGE does */
	uint64_t held_uid; /* R_MESSAGE does, on this one; 0 = on none */
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
/*
 * R_MESSAGE on the row of a message, in a transaction that lasts as above: until reader_row_done.
 * STORE_NOT_FOUND: there is none.
 */
MUST_USE enum store_status reader_row(struct store_reader *reader, struct reader_shard *shard,
				      uint64_t mailbox, uint64_t uid, struct fault *fault);
void reader_row_done(struct store_reader *reader, struct reader_shard *shard);
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
	struct place last;       /* the message looked at last */
	struct listing *listing; /* its first messages; NULL = nothing yet */
	bool unlistable;         /* there will be none */
	uint64_t *marks;         /* a bit per message, made at the first mark */
	uint64_t marked;
	uint64_t marked_octets;
};

/*
 * Columns of a message's row, in this order, and how it becomes a struct message. Behind them
 * R_MESSAGE has the prefix.
 */
#define MESSAGE_COLUMNS                                                                 \
	"uid, octets, header_octets, longest_line, flags, received, epoch, uidl, body," \
	" prefix_octets"
#define MESSAGE_COLUMN_COUNT 10
#define MESSAGE_COLUMN_BODY 8
void message_from_row(sqlite3_stmt *stmt, struct message *message);
/* ... of a listing row. */
#define LISTED_COLUMNS "uid, octets, epoch, uidl"
#define LISTED_COLUMN_COUNT 4

/* `to` has room for POP3_UIDL_MAX octets and a NUL. */
void uidl_make(char *to, uint64_t epoch, uint64_t uid);
void uidl_from_row(sqlite3_stmt *stmt, int column, uint64_t uid, char *to);

/* So many messages from the first on are known to `listing`. */
size_t maildrop_listed(const struct maildrop *maildrop);
/* Walks to the anchors before `msgno` that are not known yet, a read transaction for each. */
MUST_USE enum store_status maildrop_walk(struct store_reader *reader, struct maildrop *maildrop,
					 uint64_t msgno, struct fault *fault);
/* Counters promised a message that no row is there for. */
enum store_status maildrop_missing(const struct maildrop *maildrop, uint64_t msgno,
				   struct fault *fault);

bool marks_has(const struct maildrop *maildrop, uint64_t msgno);
/* The next message from `msgno` on that is (not) marked; messages + 1 when there is none. */
uint64_t marks_next(const struct maildrop *maildrop, uint64_t msgno, bool marked);

#endif
