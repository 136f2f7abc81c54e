"""What Python's client does with a pod: exec, attach, port-forward and logs. Prints what it saw, as JSON.

usage: streams.py KUBECONFIG POD CONTAINER HTTP_PORT
"""

import json
import sys

from kubernetes import client, config
from kubernetes.stream import portforward, stream

kubeconfig, pod, container, port = sys.argv[1:5]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
seen = {}


def run(command, **more):
    wish = {"stdin": False, "stdout": True, "stderr": True, "tty": False, "_preload_content": False, **more}
    return stream(
        core.connect_get_namespaced_pod_exec, pod, "default", container=container, command=command, **wish
    )


seen["exec"] = stream(
    core.connect_get_namespaced_pod_exec,
    pod,
    "default",
    container=container,
    command=["echo", "a b", "c"],
    stdin=False,
    stdout=True,
    stderr=True,
    tty=False,
)

failing = run(["sh", "-c", "echo out; echo err >&2; exit 7"])
failing.run_forever(timeout=30)
seen["out"] = failing.read_stdout()
seen["err"] = failing.read_stderr()
seen["code"] = failing.returncode

talking = run(["sh", "-c", 'read line; echo "heard $line"'], stdin=True)
talking.write_stdin("you\n")
talking.run_forever(timeout=30)
seen["heard"] = talking.read_stdout()

large = run(["sh", "-c", "wc -c"], stdin=True)
large.write_stdin("x" * 300_000)
large.close()
seen["closed"] = not large.is_open()

forwarded = portforward(core.connect_get_namespaced_pod_portforward, pod, "default", ports=port)
socket = forwarded.socket(int(port))
socket.setblocking(True)
socket.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
answer = b""
while True:
    chunk = socket.recv(4096)
    if not chunk:
        break
    answer += chunk
seen["forward"] = answer.decode()
seen["forward_error"] = forwarded.error(int(port))

log = core.read_namespaced_pod_log
seen["log"] = log(pod, "default", container=container)
seen["tail"] = log(pod, "default", container=container, tail_lines=1)
seen["limit"] = log(pod, "default", container=container, limit_bytes=5)
seen["timestamps"] = log(pod, "default", container=container, timestamps=True, tail_lines=1)
print(json.dumps(seen))
