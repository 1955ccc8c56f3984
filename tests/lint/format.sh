#!/bin/sh
# lint.format: every .c and .h is laid out as clang-format does it by .clang-format.
set -eu
cd "$(dirname "$0")/../.."
find admin auth include packaging server sql store tests -name '*.[ch]' -print0 |
	xargs -0 clang-format-14 --dry-run -Werror
