#!/usr/bin/env bash
# Functions that lie about lengths, block the loop, or depend on the locale.
set -u
cd "$(dirname "$0")/../.."
names='strcpy strcat sprintf vsprintf gets strtok atoi atol strncpy scanf sscanf rand srand system popen signal gmtime localtime
	setjmp longjmp alloca sleep usleep gettimeofday'
pattern="\\b($(tr -s ' \n\t' '|' <<<"$names" | sed 's/|$//'))\\("
if git grep -nE "$pattern" -- 'base/*.[ch]' 'controller/*.[ch]' 'bot/*.[ch]' 'app/*.[ch]' 'deploy/*.[ch]' |
	grep -vE '^[^:]*:[0-9]+:\s*(\*|/\*|//)'; then
	exit 1
fi
if git grep -nE '\b(TODO|FIXME|XXX|HACK)\b' -- '*.c' '*.h' '*.sh' '*.py' ':!tests/check/banned.sh'; then
	exit 1
fi
