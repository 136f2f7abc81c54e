/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/runtime-podman/engine.test.ts > TAP > limits are as high as the machine lets us go > must match snapshot 1`] = `
[containers]
default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "AUDIT_WRITE", "MKNOD", "NET_RAW"]
default_sysctls = []
default_ulimits = ["nofile=20000:20000", "nproc=1048576:1048576"]
http_proxy = false
log_size_max = -1
pids_limit = 0

[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
exit_command_delay = 10
image_copy_tmp_dir = "/x/state/home/tmp"
lock_type = "file"
runtime = "runc"

[engine.runtimes]
runc = ["/usr/sbin/runc"]

`

exports[`test/runtime-podman/engine.test.ts > TAP > the store in memory reads the images of the one on the card, and shares no folder with it > must match snapshot 1`] = `
[storage]
driver = "overlay"
graphroot = "/x/run/store/graph"
runroot = "/x/run/store/run"

[storage.options]
additionalimagestores = ["/x/state/store-overlay"]

`

exports[`test/runtime-podman/engine.test.ts > TAP > under systemd the service has a unit of its own, whose stop ends no container > must match snapshot 1`] = `
Array [
  "systemd-run",
  "--quiet",
  "--collect",
  "--unit=dunlin-engine-card",
  "--property=KillMode=process",
  "--property=Delegate=yes",
  "--property=WorkingDirectory=/x/run/engine",
  "--setenv=HOME=/x/state/home",
  "/usr/bin/podman",
  "--log-level=error",
  "--tmpdir",
  "/x/run/engine/tmp",
  "system",
  "service",
  "--time=5",
  "unix:///x/run/engine/card.sock",
]
`

exports[`test/runtime-podman/engine.test.ts > TAP > under systemd the service has a unit of its own, whose stop ends no container > must match snapshot 2`] = `
Array [
  "/usr/bin/podman",
  "--log-level=error",
  "--tmpdir",
  "/x/run/engine/tmp",
  "system",
  "service",
  "--time=5",
  "unix:///x/run/engine/card.sock",
]
`
