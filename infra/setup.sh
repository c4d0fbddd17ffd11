#!/bin/sh
# Puts what tickfold is built and tested with on a Debian or Ubuntu machine, by apt.
# It is no version manager, Rust comes from rustup; and it starts and configures no service.
#
#   infra/setup.sh build               compilers, make, OpenSSL's headers, Node.js with npm, Rust
#   infra/setup.sh test                the same, PostgreSQL's and MariaDB's programs, Chromium with
#                                      a font, Java with Maven, which loads Kafka
#   infra/setup.sh install PACKAGE...  what the other two run as root
set -eu
cd "$(dirname "$0")/.."

rust=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
node=$(sed -n 's/.*"node": *">=\([0-9]*\)".*/\1/p' functions/query/page/package.json)
get_rust="install Rust from https://rustup.rs"

say() { echo "tickfold $*" >&2; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
runs() { "$1" --version >/dev/null 2>&1; }
at_least() { printf '%s\n' "$1" "$2" | sort -VC; } # at_least WANTED FOUND

# One line for each thing that is not there: its package, then what it is for.
missing() {
    # librdkafka is built from source by bash and make, its C++ half with it. Of its options only
    # TLS is on, with the system's OpenSSL, which pkg-config finds.
    has cc && has c++ && has make ||
        echo "build-essential a C and C++ compiler and make (librdkafka, ring, SQLite)"
    has pkg-config || echo "pkg-config pkg-config (finds OpenSSL)"
    pkg-config --exists openssl 2>/dev/null || [ -n "${OPENSSL_DIR:-}" ] ||
        echo "libssl-dev OpenSSL's headers (librdkafka)"
    [ -s "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ] ||
        echo "ca-certificates root certificates (HTTPS)"
    found=$(node --version 2>/dev/null) && at_least "$node" "${found#v}" ||
        echo "nodejs Node.js >= $node (the page)"
    has npm || echo "npm npm (the page)"
    [ "$1" = test ] || return 0
    # Debian keeps the server's programs off the PATH.
    has initdb && has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
        echo "postgresql initdb and postgres (the tests' own database)"
    # The programs alone: with the package of the server itself would come a service.
    has mariadbd || [ -x /usr/sbin/mariadbd ] ||
        echo "mariadb-server-core mariadbd (the tests' own database in MySQL's place)"
    has mariadb || echo "mariadb-client-core mariadb (to ask whether that one is up)"
    # Run, not only found: Ubuntu's chromium-browser is a stub that asks for the snap.
    runs "${CHROMIUM:-chromium}" || runs chromium-browser || runs google-chrome ||
        echo "chromium Chromium (the page's test)"
    { fc-list || find /usr/share/fonts -name '*.[ot]tf'; } 2>/dev/null | grep -q . ||
        echo "fonts-dejavu-core a font (Chromium brings none)"
    found=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    at_least 17 "${found:-0}" ||
        echo "default-jre-headless Java >= 17 (the tests' own Kafka)"
    has mvn || [ -n "${KAFKA_HOME:-}" ] || echo "maven Maven (loads the tests' own Kafka)"
}

# Refuses, before anything is installed, what apt has only too old (Node.js on Ubuntu 22.04) or
# not at all (Chromium on Ubuntu).
refuse() {
    what='' line=''
    for package; do
        # Without the epoch, and nothing where it says "(none)".
        offered=$(apt-cache policy "$package" |
            sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9]\)/\2/p')
        case $package in
            nodejs) ! at_least "$node" "$offered" || continue
                a="Node.js >= $node" snap="node --classic" ;;
            chromium) [ -z "$offered" ] || continue
                a="Chromium or Google Chrome" snap=chromium ;;
            *) continue ;;
        esac
        what="${what:+$what and }$a" line="${line:+$line && }sudo snap install $snap"
    done
    [ -z "$what" ] || die "needs $what, which apt has not here; where snaps work: $line"
}

apt_install() {
    [ "$(id -u)" = 0 ] || die "can install only as root"
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt-get -qq update || true # one broken list of many need not matter; if it does, apt says so
    refuse "$@"
    case " $* " in *" postgresql "*)
        # It would make a cluster and start it, but the tests make their own. The file goes again:
        # what a later install does is the choice of the machine's owner.
        no_cluster=/etc/postgresql-common/createcluster.d/tickfold.conf
        trap 'rm -f "$no_cluster"' EXIT
        mkdir -p "${no_cluster%/*}"
        echo "create_main_cluster = false" >"$no_cluster" ;;
    esac
    set -- --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
    log=$(apt-get -qq -y "$@" 2>&1) || die "could not install: $log"
}

# Installs what `missing` named or, where this user may not, says with which line.
provide() {
    packages=$(echo "$list" | cut -d' ' -f1 | paste -sd' ' -)
    needs="needs: $(echo "$list" | cut -d' ' -f2- | sed '$!s/$/,/' | paste -sd' ' -)"
    has apt-get || die "$needs; there is no apt here, Debian's packages are: $packages"
    as_root=''
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    if ! $as_root true 2>/dev/null; then
        say "$needs; this user may not install them. Run this line, then try again:"
        line="$PWD/infra/setup.sh install $packages"
        if has sudo; then echo "sudo $line"; else echo "su -c '$line'"; fi && exit 1
    fi
    say "$needs; installing: $packages"
    # shellcheck disable=SC2086 # the words are package names
    $as_root infra/setup.sh install $packages
    list=$(missing "$1")
    [ -z "$list" ] || die "still needs, after installing $packages: $list"
}

# The version of rust-toolchain.toml, not left to rustup's automatic install, which may be off.
has_tool() { RUSTUP_AUTO_INSTALL=0 rustup which --toolchain "$rust" "$1" >/dev/null 2>&1; }
toolchain() {
    if ! has rustup; then
        found=$(rustc --version | cut -d' ' -f2)
        at_least "$rust" "$found" || die "needs Rust >= $rust, here is $found: $get_rust"
    elif ! has_tool cargo || ! has_tool cargo-clippy || ! has_tool cargo-fmt; then
        say "needs: Rust $rust with clippy and rustfmt; installing: it, with rustup"
        rustup toolchain install "$rust" --profile minimal -c clippy,rustfmt --no-self-update
    fi
}

case "${1:-}" in
    install) shift; apt_install "$@"; exit ;;
    build | test) ;;
    *) die "usage: infra/setup.sh build|test" ;;
esac
has cargo || die "needs Rust $rust: $get_rust (if it is there: put ~/.cargo/bin on the PATH)"
list=$(missing "$1")
[ -z "$list" ] || provide "$1"
toolchain # last: without root certificates rustup can load nothing
