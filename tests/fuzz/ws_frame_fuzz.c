/* Bytes of a WebSocket server, in pieces: whole messages within the limit, or a reason to leave; and the same bytes
 * give the same messages, however they were cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "base/ws_frame.h"

enum { LIMIT = 1000, TOLD_MAX = 1 << 20 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void note(struct strbuf *told, enum ws_event event, const struct ws_reader *r)
{
	const struct strbuf *b = event == WS_GOT_TEXT || event == WS_GOT_BINARY ? &r->message : &r->control;
	require(r->message.len <= LIMIT && r->control.len <= WS_CONTROL_MAX);
	require(event != WS_GOT_TEXT || text_is_utf8(b->s, b->len));
	strbuf_addf(told, "%d:%d:", (int)event, event == WS_IS_BAD ? (int)r->bad : 0);
	if (event != WS_IS_BAD)
		strbuf_addn(told, b->s, b->len);
}

static void read_pieces(struct strbuf *told, const char *bytes, size_t size, size_t piece)
{
	struct ws_reader r;
	ws_reader_init(&r, LIMIT);
	enum ws_event event = WS_NEEDS_MORE;
	for (size_t from = 0; from < size && event != WS_IS_BAD; from += piece) {
		const char *at = bytes + from;
		size_t left = size - from < piece ? size - from : piece;
		while ((event = ws_read(&r, &at, &left)) != WS_NEEDS_MORE) {
			note(told, event, &r);
			if (event == WS_IS_BAD)
				break;
		}
	}
	ws_reader_finish(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf whole, pieces;
	if (size < 2 || size > 65536)
		return 0;
	strbuf_init(&whole, TOLD_MAX);
	strbuf_init(&pieces, TOLD_MAX);
	read_pieces(&whole, (const char *)data + 1, size - 1, size);
	read_pieces(&pieces, (const char *)data + 1, size - 1, (size_t)*data % 7 + 1);
	require(strcmp(whole.s, pieces.s) == 0 && whole.len == pieces.len);
	strbuf_finish(&whole);
	strbuf_finish(&pieces);
	return 0;
}
