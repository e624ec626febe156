#!/bin/sh
# Builds kube-apiserver and kube-controller-manager from Debian's own `kubernetes` source package, once,
# and prints the folder that holds them. The cluster tests run against these two and Debian's etcd.
#
# Usage:   control-plane.sh [--if-built]    (--if-built: say where it is, but build nothing)
# Result:  ${ROLLCALL_CACHE:-$HOME/.cache/rollcall}/control-plane-<version>/
# Exit:    0 built or already there, 77 this machine cannot have it (or --if-built and it is not there), 1 failed.
# Progress goes to standard error; standard output is the folder and nothing else.
set -eu
umask 022

version=1.20.2
recipe=3 # of this script: raise it when what is built changes, so that a cached result of an older one is not used
go=/usr/lib/go-1.19/bin/go # the vendored libraries are of its age, so not the Go that PATH happens to name
cache=${ROLLCALL_CACHE:-${HOME:-/root}/.cache/rollcall}
target=$cache/control-plane-$version
binaries='kube-apiserver kube-controller-manager'
boilerplate=vendor/k8s.io/code-generator/hack/boilerplate.go.txt
work=

say() { printf 'control-plane: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
unsupported() { say "skipped: $*"; exit 77; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
forget_work() { [ -z "$work" ] || { chmod -R u+w "$work" 2>/dev/null || :; rm -rf "$work"; }; }

complete() {
	[ "$(cat "$1/recipe" 2>/dev/null)" = "$recipe" ] || return 1
	for name in $binaries; do
		[ -x "$1/$name" ] && "$1/$name" --version >/dev/null 2>&1 || return 1
	done
}

# ---- packages ---------------------------------------------------------------

# The machine's own apt sources with their deb-src side, in either of apt's two formats and in a folder of our own:
# nothing under /etc changes, and whatever mirror the machine uses is the one that is asked.
write_own_lists() {
	mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$file" ] || continue
		sed -n 's/^[[:space:]]*deb[[:space:]]\(.*\)/deb \1\ndeb-src \1/p' "$file" >>"$work/apt/parts/machine.list"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		sed 's/^[Tt][Yy][Pp][Ee][Ss]:.*/Types: deb deb-src/' "$file" >"$work/apt/parts/$(basename "$file")"
	done
}

# apt-get or apt-cache, over those lists alone.
with_own_lists() {
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/parts" \
		-o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@"
}

# Before anything is installed: a machine without the package is left as it was.
find_source() {
	write_own_lists
	# A source that has no deb-src side spoils the exit code but not the other sources.
	updated=yes
	with_own_lists apt-get update >&2 || updated=no
	source_version=$(with_own_lists apt-cache showsrc --only-source kubernetes 2>/dev/null |
		sed -n 's/^Version: //p' | grep -F "really$version-" | sort -V | tail -n 1) || :
	[ -n "$source_version" ] && return
	[ "$updated" = yes ] || fail "apt cannot read this machine's package sources"
	unsupported "no source package kubernetes $version in this machine's apt sources"
}

install() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	as_root apt-get -q update >&2 || say "apt-get update failed, trying with the lists there are"
	# shellcheck disable=SC2086 # one word for each package
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >&2 ||
		fail "cannot install$missing"
}

fetch_source() {
	say "fetching the source package kubernetes $source_version"
	(cd "$work" && with_own_lists apt-get --download-only source "kubernetes=$source_version" >&2) ||
		fail "cannot fetch the source package"
	mkdir -p "$work/go/src/k8s.io"
	# apt has checked what it fetched against the signed lists; the maintainer's own signature adds nothing here
	(cd "$work" && dpkg-source --no-check -x kubernetes_*.dsc go/src/k8s.io/kubernetes >"$work/unpack.log" 2>&1) ||
		{ cat "$work/unpack.log" >&2; fail "cannot unpack the source package"; }
	rm -f "$work"/kubernetes_*
}

# The vendored reflect2 reaches into the runtime in a way that Go 1.18 changed: the API server crashes as soon as it
# walks a custom resource. Debian packages the release that knows both.
replace_reflect2() {
	say "replacing the vendored reflect2"
	mkdir "$work/reflect2"
	(cd "$work/reflect2" && with_own_lists apt-get download golang-github-modern-go-reflect2-dev >&2 &&
		dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb .) || fail "cannot fetch golang-github-modern-go-reflect2-dev"
	packaged=$work/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2
	vendored=$work/go/src/k8s.io/kubernetes/vendor/github.com/modern-go/reflect2
	rm -rf "$vendored"
	mkdir "$vendored"
	for file in "$packaged"/*.go "$packaged"/*.s; do
		case $file in *_test.go | *'*'*) ;; *) cp "$file" "$vendored" ;; esac
	done
}

# The vendored validator compares addresses to tell a zero value; in this Go all empty strings have the one address, so
# that the API server would take every "" in a custom resource for null, and refuse it. As upstream has it since:
repair_validate() {
	for package in k8s.io/kube-openapi/pkg/validation/validate github.com/go-openapi/validate; do
		file=$work/go/src/k8s.io/kubernetes/vendor/$package/type.go
		sed -i 's/if data == nil || reflect\.DeepEqual(.*) {$/if data == nil {/' "$file"
		grep -q 'if data == nil {' "$file" && ! grep -q 'reflect\.DeepEqual' "$file" ||
			fail "the vendored $package is not the expected one"
	done
}

# ---- build, in the unpacked tree ---------------------------------------------

openapi_inputs() {
	# vendor/k8s.io/* are links into staging/, hence -R
	grep -RlE --include='*.go' '\+k8s:openapi-gen=' pkg vendor/k8s.io |
		grep -vE '_test\.go$|/(code-generator|sample-[a-z-]+|kube-openapi|gengo)/' |
		xargs -n 1 dirname | sort -u | sed 's,^,k8s.io/kubernetes/,' | paste -s -d ,
}

# Debian's tarball leaves out the files that its build makes: the OpenAPI descriptions of every type.
generate_openapi() {
	inputs=
	for package in pkg/generated/openapi vendor/k8s.io/apiextensions-apiserver/pkg/generated/openapi \
		vendor/k8s.io/kube-aggregator/pkg/generated/openapi; do
		[ -e "$package/zz_generated.openapi.go" ] && continue
		[ -n "$inputs" ] || inputs=$(openapi_inputs)
		[ -x "$work/openapi-gen" ] || "$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
		say "generating $package"
		"$work/openapi-gen" -i "$inputs" -p "k8s.io/kubernetes/$package" -O zz_generated.openapi \
			-h "$boilerplate" -r "$work/openapi-violations.txt" >&2
	done
}

build() {
	cd "$work/go/src/k8s.io/kubernetes"
	generate_openapi
	mkdir "$work/bin"
	stamp=
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		stamp="$stamp -X k8s.io/kubernetes/vendor/$package.gitVersion=v$version"
		stamp="$stamp -X k8s.io/kubernetes/vendor/$package.gitMajor=${version%%.*}"
		stamp="$stamp -X k8s.io/kubernetes/vendor/$package.gitMinor=20"
	done
	for name in $binaries; do
		say "building $name (minutes)"
		"$go" build -ldflags "-s -w$stamp" -o "$work/bin/$name" "./cmd/$name"
	done
	cd /
	echo "$recipe" >"$work/bin/recipe"
	complete "$work/bin" || fail "the binaries do not start"
}

# ---- main ---------------------------------------------------------------------

deliver_if_complete() {
	complete "$target" || return 0
	command -v etcd >/dev/null || [ -x /usr/sbin/etcd ] || install etcd-server
	echo "$target"
	exit 0
}

deliver_if_complete
[ "${1:-}" != --if-built ] || unsupported "not built; run tests/cluster/control-plane.sh"
command -v apt-get >/dev/null || unsupported "this machine has no apt"
mkdir -p "$cache"
# Two suites that start at once must not build twice; the lock goes with the process, however it ends.
exec 9>"$cache/control-plane.lock"
flock 9
deliver_if_complete

# What an earlier run that was killed left behind: nobody else can be building now.
rm -rf "$cache"/control-plane-build.*
work=$(mktemp -d "$cache/control-plane-build.XXXXXX")
trap forget_work EXIT
trap 'exit 1' HUP INT TERM

find_source
install dpkg-dev golang-go
[ -x "$go" ] || unsupported "the package golang-go of this machine is not Go 1.19"
fetch_source
replace_reflect2
repair_validate
export GOPATH="$work/go" GOCACHE="$work/go-cache" GOTMPDIR="$work" GO111MODULE=off CGO_ENABLED=0 GOFLAGS=
build

rm -rf "$target"
mv "$work/bin" "$target"
say "built in $target"
deliver_if_complete
fail "the binaries are gone from $target"
