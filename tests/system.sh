#!/bin/sh
# Installs the programs that some tests drive: Chromium with a Japanese font, Redis, PostgreSQL; for the fault tests ip
# (network namespaces) and a C compiler (a clock that tests can set).
# Where we are not root, or there is no apt, it says what is missing; those tests then skip and say so.
set -u
missing=""
can=""
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 && can=yes
has() { command -v "$1" >/dev/null 2>&1; }
# The Chromium without windows is quicker; where nothing can be installed, any does.
has chromium-headless-shell || { [ -z "$can" ] && { has chromium || has google-chrome; }; } || missing="$missing chromium-headless-shell"
fc-list 2>/dev/null | grep -qi 'noto.*cjk' || missing="$missing fonts-noto-cjk"
has redis-server || missing="$missing redis-server"
has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
has ip || missing="$missing iproute2"
has cc || has gcc || missing="$missing gcc libc6-dev"
[ -z "$missing" ] && exit 0
if [ -n "$can" ]; then
  echo "Installing for the tests:$missing"
  # policy-rc.d keeps apt from starting the servers: each test starts its own on a free port.
  made=""
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && made=yes; }
  apt-get update -qq
  # Where the Chromium without windows is no package of its own, the whole one does.
  case "$missing" in *chromium-headless-shell*)
    apt-cache show chromium-headless-shell >/dev/null 2>&1 || missing=$(echo "$missing" | sed 's/chromium-headless-shell/chromium/') ;;
  esac
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  status=$?
  [ -n "$made" ] && rm -f /usr/sbin/policy-rc.d
  [ "$status" -eq 0 ] || echo "apt could not install:$missing. The tests that need them will skip and say so."
else
  echo "Not installed, and this is no root shell with apt:$missing. The tests that need them will skip and say so."
fi
exit 0
