#!/usr/bin/env bash
# Who may include whom (CONTRIBUTING.md, "The house"). One line an allowed edge: FROM-prefix TO-prefix.
set -u
cd "$(dirname "$0")/../.."
edges='
base/ base/
controller/core/ base/arena.h
controller/core/ base/text.h
controller/core/ base/json.h
controller/core/ base/clock.h
controller/core/ base/error.h
controller/core/ base/cleanup.h
controller/core/ base/duration.h
controller/core/ base/crypto.h
controller/core/ base/strbuf.h
controller/core/ controller/core/
controller/core/ controller/model/
controller/model/ base/
controller/model/ controller/model/
controller/ base/
controller/ controller/
bot/approvals/policy base/clock.h
bot/approvals/policy base/error.h
bot/approvals/policy base/text.h
bot/approvals/policy bot/approvals/policy.h
bot/ base/
bot/ bot/
bot/ controller/engine.h
app/ base/
app/ controller/
app/ bot/
app/ app/
deploy/demo-app/ base/
deploy/demo-app/ deploy/demo-app/
'
bad=0
while IFS=: read -r file _ line; do
	to=$(sed 's/.*"\(.*\)".*/\1/' <<<"$line")
	ok=
	best= # the longest FROM that fits decides: a narrow room is not helped by the rule of the wider one
	while read -r from _; do
		[ -n "$from" ] && [[ $file == "$from"* ]] && [ ${#from} -gt ${#best} ] && best=$from
	done <<<"$edges"
	while read -r from target; do
		[ -n "$from" ] && [ "$from" = "$best" ] && [[ $to == "$target"* ]] && ok=1
	done <<<"$edges"
	if [ -z "$ok" ]; then
		echo "$file includes $to"
		bad=1
	fi
done < <(grep -rn --include='*.[ch]' '^#include "' base controller bot app deploy/demo-app)
exit $bad
