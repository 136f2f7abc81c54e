/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/runtime-podman/container-body.test.ts > TAP > a container that is fine > must match snapshot 1`] = `
{
  "name": "dunlin-uid-1-main-0",
  "image": "localhost/dunlin/hello:1",
  "labels": {
    "dunlin.io/namespace": "default",
    "dunlin.io/name": "web",
    "dunlin.io/uid": "uid-1",
    "dunlin.io/container": "main",
    "dunlin.io/spec-hash": "v1:0",
    "dunlin.io/attempt": "0",
    "dunlin.io/is-init": "false",
    "dunlin.io/image": "localhost/dunlin/hello:1",
    "dunlin.io/cgroup-parent": "/dunlin/poduid-1",
    "dunlin.io/log-max-bytes": "5242880"
  },
  "entrypoint": [
    "sh",
    "-c",
    "trap 'exit 0' TERM; while true; do sleep 0.05; done"
  ],
  "env": {
    "HOSTNAME": "web"
  },
  "terminal": false,
  "stdin": false,
  "restart_policy": "no",
  "healthconfig": {
    "Test": [
      "NONE"
    ]
  },
  "log_configuration": {
    "driver": "k8s-file",
    "path": "/var/log/0.log"
  },
  "netns": {
    "nsmode": "path",
    "value": "/run/dunlin/pods/uid-1/net"
  },
  "utsns": {
    "nsmode": "path",
    "value": "/run/dunlin/pods/uid-1/uts"
  },
  "ipcns": {
    "nsmode": "path",
    "value": "/run/dunlin/pods/uid-1/ipc"
  },
  "use_image_hosts": true,
  "use_image_resolve_conf": true,
  "mounts": [
    {
      "type": "bind",
      "source": "/run/dunlin/pods/uid-1/shm",
      "destination": "/dev/shm",
      "options": [
        "rbind",
        "rw"
      ]
    },
    {
      "type": "bind",
      "source": "/run/dunlin/pods/uid-1/hosts",
      "destination": "/etc/hosts",
      "options": [
        "rbind",
        "rw"
      ]
    },
    {
      "type": "bind",
      "source": "/run/dunlin/pods/uid-1/resolv.conf",
      "destination": "/etc/resolv.conf",
      "options": [
        "rbind",
        "rw"
      ]
    },
    {
      "type": "bind",
      "source": "/run/dunlin/pods/uid-1/hostname",
      "destination": "/etc/hostname",
      "options": [
        "rbind",
        "rw"
      ]
    },
    {
      "type": "bind",
      "source": "/run/dunlin/pods/uid-1/c/main-0/termination",
      "destination": "/dev/termination-log",
      "options": [
        "rbind",
        "rw"
      ]
    }
  ],
  "cgroup_parent": "/dunlin/poduid-1",
  "resource_limits": {
    "cpu": {
      "shares": 2
    }
  },
  "privileged": false,
  "read_only_filesystem": false,
  "read_write_tmpfs": false,
  "no_new_privileges": false,
  "seccomp_profile_path": "unconfined"
}
`
