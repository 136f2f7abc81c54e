/**
 * Runs on the board as root, beside what was brought there, and takes its folder away however it ends. Nothing is put into
 * it: packages or the archive lie in its folder, and settings in the file `settings`.
 */
export const installScript = `#!/bin/sh
set -e
here=$(cd "$(dirname "$0")" && pwd)
trap 'rm -rf "$here"' EXIT
into=\${DESTDIR:-}
packages=$(find "$here" -name "*.deb")
if [ -z "$packages" ]; then
  mkdir "$here/tree"
  tar -xzf "$here"/dunlin_*.tar.gz -C "$here/tree"
  "$here/tree/install.sh" agent
else
  export DEBIAN_FRONTEND=noninteractive
  # It asks for what Debian must bring. Settings that are there stay.
  install="apt-get install -y -q --no-install-recommends --allow-downgrades --reinstall -o Dpkg::Options::=--force-confold"
  $install "$here"/*.deb || { apt-get update -q && $install "$here"/*.deb; }
fi
# After the package, which brings what the file says of itself, and before the agent starts.
if [ -s "$here/settings" ]; then
  umask 077
  file=$into/etc/default/dunlin-agent
  : > "$here/kept"
  [ ! -e "$file" ] || grep -v '^DUNLIN_JOIN_TOKEN=' "$file" > "$here/kept" || true
  cat "$here/kept" "$here/settings" > "$file"
  chmod 600 "$file"
fi
if [ -z "$into" ] && [ -d /run/systemd/system ]; then
  systemctl enable --quiet dunlin-agent.service
  systemctl restart --no-block dunlin-agent.service
  echo "dunlin: the agent was started"
else
  echo "dunlin: the agent was installed; there is no systemd to start it"
fi
`
