/*
 * The lines of LIST and UIDL, out of memory where they are known and else in slices, and learning
 * them on the way (listing.h). What is out of memory stays right however long the session lasts:
 * the set that it sees does not change.
 */
#include "store/slice.h"

size_t maildrop_listed(const struct maildrop *maildrop)
{
	size_t known = maildrop->listing == NULL ? 0 : listing_count(maildrop->listing);

	return known < maildrop->messages ? known : (size_t)maildrop->messages;
}

/* At the first list: what others have read, or room for what is going to be read. */
static void find_listing(const struct store *store, struct maildrop *maildrop)
{
	struct listing *kept;

	if (maildrop->unlistable || maildrop->listing != NULL ||
	    maildrop->messages < LISTING_MESSAGES_MIN)
		return;
	kept = listings_find(store->listings, maildrop->key.id, maildrop->change);
	if (kept != NULL && listing_count(kept) >= maildrop->messages) {
		maildrop->listing = kept;
		return;
	}
	maildrop->listing = listings_make(store->listings, maildrop->key.id, maildrop->change,
					  maildrop->messages, kept);
	maildrop->unlistable = maildrop->listing == NULL;
	listing_release(&kept);
}

static void learn(struct maildrop *maildrop, sqlite3_stmt *stmt, const struct listed *row,
		  bool unchanged)
{
	bool imported = sqlite3_column_type(stmt, 3) != SQLITE_NULL;

	maildrop_learn(maildrop, row->msgno, row->uid);
	if (maildrop->listing == NULL || row->msgno != maildrop_listed(maildrop) + 1)
		return;
	maildrop->unlistable = imported || !listing_add(maildrop->listing, column_u64(stmt, 2),
							row->uid, row->octets);
	if (maildrop->unlistable)
		listing_release(&maildrop->listing);
	else if (row->msgno == maildrop->messages && unchanged)
		listing_keep(maildrop->listing);
}

/* Those in memory from *from on. */
static void list_known(const struct maildrop *maildrop, uint64_t *from, struct listed *rows,
		       size_t cap, size_t *count)
{
	size_t known = maildrop_listed(maildrop);
	uint64_t epoch = listing_epoch(maildrop->listing);

	for (; *count < cap && *from <= known; (*from)++) {
		struct listing_row packed = listing_row(maildrop->listing, *from - 1);
		struct listed *row = &rows[*count];

		if (marks_has(maildrop, *from))
			continue;
		row->msgno = *from;
		row->uid = packed.uid;
		row->octets = packed.octets;
		uidl_make(row->uidl, epoch, packed.uid);
		(*count)++;
	}
}

/* One slice into rows, and more where it had none yet; *from moves past its last row. */
static enum store_status list_slice(struct store_reader *reader, struct maildrop *maildrop,
				    uint64_t *from, struct listed *rows, size_t cap,
				    size_t *count, struct fault *fault)
{
	struct slice slice;
	enum store_status status;

	do {
		status = slice_begin(reader, maildrop, SLICE_LISTED, *from, cap, &slice, fault);
		while (status == STORE_OK && *count < cap && *from <= maildrop->messages) {
			struct listed *row = &rows[*count];

			status = slice_step(&slice, maildrop, *from, fault);
			if (status != STORE_OK)
				break;
			row->msgno = (*from)++;
			row->uid = column_u64(slice.list, 0);
			row->octets = column_u64(slice.list, 1);
			uidl_from_row(slice.list, 2, row->uid, row->uidl);
			learn(maildrop, slice.list, row, slice.unchanged);
			if (!marks_has(maildrop, row->msgno))
				(*count)++;
		}
		slice_end(&slice);
	} while (slice.used_up && *count == 0);
	return status;
}

enum store_status maildrop_list(struct store_reader *reader, struct maildrop *maildrop,
				uint64_t *from, struct listed *rows, size_t cap, size_t *count,
				struct fault *fault)
{
	struct reader_shard *shard;
	enum store_status status = reader_shard(reader, maildrop->key.shard, &shard, fault);
	uint64_t start;

	*count = 0;
	if (status != STORE_OK)
		return status;
	/* The first row is an unmarked one, so that no rows means the end. */
	*from = marks_next(maildrop, *from < 1 ? 1 : *from, false);
	if (*from > maildrop->messages || cap == 0)
		return STORE_OK;
	find_listing(reader->store, maildrop);
	if (*from <= maildrop_listed(maildrop)) {
		list_known(maildrop, from, rows, cap, count);
		return STORE_OK;
	}
	status = maildrop_walk(reader, maildrop, *from, fault);
	start = *from;
	if (status == STORE_OK)
		status = list_slice(reader, maildrop, from, rows, cap, count, fault);
	if (status == STORE_NOT_FOUND)
		status = *from > start ? STORE_OK : maildrop_missing(maildrop, start, fault);
	return status;
}
