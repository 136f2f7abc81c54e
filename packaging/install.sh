#!/bin/sh
# Installs Dunlin from the folder that this script lies in: programs to /usr/lib/dunlin, the command to /usr/bin, units to systemd.
# usage: ./install.sh agent | hub | remove
set -e
here=$(cd "$(dirname "$0")" && pwd)
into=${DESTDIR:-}
case ${1:-} in
  agent | hub)
    part=dunlin-$1
    mkdir -p "$into/usr/bin" "$into/usr/lib/systemd/system" "$into/etc/default"
    rm -rf "$into/usr/lib/dunlin.new"
    cp -R "$here/usr/lib/dunlin" "$into/usr/lib/dunlin.new"
    rm -rf "$into/usr/lib/dunlin"
    mv "$into/usr/lib/dunlin.new" "$into/usr/lib/dunlin"
    cp "$here/usr/bin/dunlin" "$into/usr/bin/dunlin"
    cp "$here/usr/lib/systemd/system/$part.service" "$into/usr/lib/systemd/system/"
    [ "$1" != agent ] || cp "$here/usr/lib/systemd/system/dunlin-first-boot.service" "$into/usr/lib/systemd/system/"
    [ -e "$into/etc/default/$part" ] || cp -p "$here/etc/default/$part" "$into/etc/default/"
    if [ "$1" = hub ] && [ -z "$into" ] && ! getent passwd dunlin-hub > /dev/null; then
      useradd --system --user-group --home-dir /var/lib/dunlin/hub --no-create-home dunlin-hub
    fi
    if [ -z "$into" ] && [ -d /run/systemd/system ]; then
      systemctl daemon-reload
      echo "installed; now: systemctl enable --now $part"
    fi
    [ "$1" != agent ] || echo "a device also needs Podman 4.3 or later, nftables, iproute2, conntrack and catatonit: dunlin doctor says what is missing"
    ;;
  remove)
    if [ -z "$into" ] && [ -d /run/systemd/system ]; then
      systemctl disable --now --quiet dunlin-agent.service dunlin-hub.service 2> /dev/null || true
    fi
    rm -rf "$into/usr/lib/dunlin" "$into/usr/bin/dunlin"
    rm -f "$into/usr/lib/systemd/system/dunlin-agent.service" "$into/usr/lib/systemd/system/dunlin-hub.service" \
      "$into/usr/lib/systemd/system/dunlin-first-boot.service"
    echo "removed; what lies in /var/lib/dunlin and /etc/default was kept"
    ;;
  *)
    echo "usage: ./install.sh agent | hub | remove" >&2
    exit 2
    ;;
esac
