import { type LayoutName, layouts } from './layout.ts'

/*
 * Nothing of a person's wishes stands in a script: they lie in files beside it, which it copies.
 */

/** Runs the installation at the end of a start, again and again until it is done. */
export const installUnit = (layout: LayoutName): string => `[Unit]
Description=Dunlin: installs the agent from the boot partition
ConditionPathExists=${layouts[layout].boot}/dunlin/install.sh
After=local-fs.target network.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh ${layouts[layout].boot}/dunlin/install.sh
Restart=on-failure
RestartSec=30
TimeoutStartSec=infinity
StandardOutput=journal+console

[Install]
WantedBy=multi-user.target
`

/** dunlin/install.sh: packages that lie beside it, then the agent's own first boot. It may be run any number of times. */
export const installScript = `#!/bin/sh
# Installs the packages that lie beside this script, and lets the agent join its hub. It may be run again.
here=$(cd "$(dirname "$0")" && pwd)
log=/run/dunlin-install.log
export DEBIAN_FRONTEND=noninteractive
# Those for this board.
set --
for package in "$here"/*_all.deb "$here"/*_"$(dpkg --print-architecture)".deb; do
  if [ -e "$package" ]; then set -- "$@" "$package"; fi
done

status() {
  printf 'Dunlin, first boot of this device\\n\\n[%s] packages: %s\\n' "$1" "$2" > "$here/status.txt"
  sync
  echo "dunlin: packages: $2"
}

is_installed() {
  [ "$(dpkg-query -W -f '\${db:Status-Status}' dunlin-agent 2> /dev/null)" = installed ]
}

if ! is_installed; then
  status wait "being installed; this takes minutes on a small board"
  # What a power cut left half done comes first.
  dpkg --configure -a > "$log" 2>&1
  apt-get install -y --no-install-recommends "$@" >> "$log" 2>&1 || {
    apt-get update >> "$log" 2>&1
    apt-get install -y --no-install-recommends "$@" >> "$log" 2>&1
  }
fi
if ! is_installed; then
  status wrong "they cannot be installed; tried again every half minute. Either the network is missing (packages that this one needs are fetched), or the clock is wrong, or the card is full. What apt said last:"
  tail -n 15 "$log" >> "$here/status.txt"
  sync
  exit 1
fi
status ok installed
systemctl disable dunlin-install.service
systemctl start dunlin-first-boot.service
systemctl enable --now --no-block dunlin-agent.service
`

/** What a setting is called in dunlin/first-run/, where firstrun.sh looks for it. */
export const firstRunFolder = 'dunlin/first-run'

/** firstrun.sh of Raspberry Pi OS bookworm: it runs once, as the only thing of that start. */
export const firstRunScript = `#!/bin/sh
# Runs once, at the first start of this card: the settings that lie in dunlin/first-run/ become the system's.
# Should the power fail meanwhile it runs again, with the same outcome.
boot=$(cd "$(dirname "$0")" && pwd)
from=$boot/${firstRunFolder}
has() { [ -s "$from/$1" ]; }
value() { head -n 1 "$from/$1"; }

if has hostname; then
  old=$(cat /etc/hostname 2> /dev/null)
  value hostname > /etc/hostname
  grep -v '^127\\.0\\.1\\.1' /etc/hosts > /etc/hosts.new 2> /dev/null
  printf '127.0.1.1\\t%s\\n' "$(value hostname)" >> /etc/hosts.new
  mv /etc/hosts.new /etc/hosts
  echo "dunlin: host name $(value hostname), before: $old"
fi

if has timezone && [ -e "/usr/share/zoneinfo/$(value timezone)" ]; then
  ln -sfn "/usr/share/zoneinfo/$(value timezone)" /etc/localtime
  value timezone > /etc/timezone
fi

if has user; then
  user=$(value user)
  if ! getent passwd "$user" > /dev/null; then
    # The system's first user, pi, has no password and nobody's files yet: it gets this name.
    if [ -x /usr/lib/userconf-pi/userconf ]; then
      /usr/lib/userconf-pi/userconf "$user" '*'
    else
      useradd --create-home --shell /bin/bash --groups sudo "$user"
    fi
  fi
  home=$(getent passwd "$user" | cut -d: -f6)
  mkdir -p "$home/.ssh"
  cp "$from/authorized_keys" "$home/.ssh/authorized_keys"
  chmod 700 "$home/.ssh"
  chmod 600 "$home/.ssh/authorized_keys"
  chown -R "$user:" "$home/.ssh"
  # Nobody has a password here: the key is what opens the door.
  printf '%s ALL=(ALL) NOPASSWD: ALL\\n' "$user" > /etc/sudoers.d/010_dunlin
  chmod 440 /etc/sudoers.d/010_dunlin
  systemctl enable ssh
fi

for name in dunlin-wifi dunlin-cable; do
  if has "$name.nmconnection"; then
    to=/etc/NetworkManager/system-connections
    mkdir -p "$to"
    cp "$from/$name.nmconnection" "$to/"
    chmod 600 "$to/$name.nmconnection"
  fi
done
if has dunlin-wifi.nmconnection; then
  # The radio is switched off until a country is known; cmdline.txt names it.
  for switch in /var/lib/systemd/rfkill/*:wlan; do
    if [ -e "$switch" ]; then echo 0 > "$switch"; fi
  done
fi

cp "$boot/dunlin/dunlin-install.service" /etc/systemd/system/dunlin-install.service
systemctl enable dunlin-install.service
sync

# From here on the next start is an ordinary one. The file keeps its length and its place: a power cut leaves the old or
# the new.
size=$(wc -c < "$boot/cmdline.txt")
words=$(sed 's/ systemd\\.[^ ]*//g' "$boot/cmdline.txt" | head -n 1)
printf "%-$((size - 1))s\\n" "$words" | dd of="$boot/cmdline.txt" conv=notrunc,fsync status=none

# What holds secrets is written over before it goes.
for file in "$from"/*; do
  if [ -f "$file" ]; then
    head -c "$(wc -c < "$file")" /dev/zero | dd of="$file" conv=notrunc,fsync status=none
  fi
done
rm -rf "$from" "$boot/firstrun.sh"
sync
exit 0
`
