/*
 * The control socket: how the tool speaks to a running server (AF_UNIX stream, mode 0600; the
 * server accepts peers with its own uid or root's only).
 *
 * A request is one line of words separated by TAB, ended by LF; octets below 0x21, '%' and DEL in
 * a word are written %XX. The answer is any number of lines "row TAB word TAB word ...", then one
 * line "ok" or "err TAB <sysexits code> TAB <sentence>". One request at a time, any number in turn.
 *
 *	status                                     rows: name, value
 *	session-list                               rows: session, protocol, peer, user, state,
 *						   since (epoch), idle (s), messages, octets
 *	session-kick  <session> | <address>        row: number of sessions ended
 *	tls-status                                 rows: pair, key, not_after (epoch), default,
 *						   kept, names
 *	ban-list                                   rows: network, until (epoch)
 *	ban-add       <network> <seconds>          row: number of connections ended
 *	ban-clear     <network> | all              row: number of bans that are no more
 *	maildrop-list <shard> <key> live|deleted   rows: uid, uidl, octets, received, deleted_at,
 *						   deleted_session, deleted_peer, longest_line
 *	maildrop-undelete <shard> <key> <uid|0> <session|0>   row: messages restored
 *	maildrop-delete   <shard> <key> <uid|0>               row: messages flagged
 *	maildrop-purge    <shard> <key> <uid|0> <session|0>   row: messages removed
 *	maildrop-usage    <shard> <key>            row: messages, octets, last_login
 *	store-figures                              rows: shard, then struct store_figures in order
 */
#ifndef RESTANTE_CONTROL_H
#define RESTANTE_CONTROL_H

#include "restante/compiler.h"
#include "restante/fault.h"
#include "restante/str.h"

#define CONTROL_LINE_MAX 4096
#define CONTROL_WORDS_MAX 16

/*
 * The codec both ends share (server/base/words.c). Splits and unescapes a line in place into
 * NUL-terminated words; -1 when it is malformed or has too many.
 */
int words_split(char *line, char **words, int cap);
/* Writes words as one line with LF; false when it does not fit. */
MUST_USE bool words_join(const char *const *words, size_t n, char *line, size_t cap,
			 size_t *len);

#endif
