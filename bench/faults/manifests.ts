/** The label of everything that the rounds want to stay. */
export const kept = 'kept=yes'

/** What must be there after every round: how many pods of each `app`. Ten in all. */
export const wantedCounts: { readonly [app: string]: number } = {
  web: 3,
  beacon: 3,
  worker: 1,
  pair: 1,
  lone: 1,
  odd: 1,
}

/** Where the Service under load answers, and where each node's beacon says the marker. */
export const loadPort = 30091
export const beaconPort = 18091

const image = 'localhost/dunlin/tools:1'

/**
 * Ten pods of several shapes on three nodes: a Deployment behind a Service, a DaemonSet on the host network, a native
 * sidecar, two containers that share a folder, init containers with a Secret, a shared PID namespace.
 */
export const manifests = (): string => `
apiVersion: v1
kind: Secret
metadata: { name: word }
stringData: { word: sesame }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web, kept: "yes" } }
    spec:
      containers:
        - name: web
          image: ${image}
          command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www']
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { port: http }, periodSeconds: 2, failureThreshold: 5 }
          volumeMounts: [{ name: marker, mountPath: /marker }]
      volumes: [{ name: marker, configMap: { name: marker } }]
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: http, nodePort: ${loadPort} }]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: beacon }
spec:
  selector: { matchLabels: { app: beacon } }
  template:
    metadata: { labels: { app: beacon, kept: "yes" } }
    spec:
      hostNetwork: true
      containers:
        - name: beacon
          image: ${image}
          command: [sh, -c, 'exec httpd -f -p ${beaconPort} -h /www']
          ports: [{ name: http, containerPort: ${beaconPort}, hostPort: ${beaconPort} }]
          livenessProbe: { tcpSocket: { port: http }, periodSeconds: 5, failureThreshold: 10, timeoutSeconds: 5 }
          volumeMounts: [{ name: marker, mountPath: /www/marker }]
      volumes: [{ name: marker, configMap: { name: marker } }]
      terminationGracePeriodSeconds: 1
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker }
spec:
  replicas: 1
  selector: { matchLabels: { app: worker } }
  template:
    metadata: { labels: { app: worker, kept: "yes" } }
    spec:
      initContainers:
        - name: sidecar
          image: ${image}
          restartPolicy: Always
          command: [sh, -c, 'while :; do date > /shared/now; sleep 5 & wait $!; done']
          volumeMounts: [{ name: shared, mountPath: /shared }]
        - name: wait
          image: ${image}
          command: [sh, -c, 'until test -s /shared/now; do sleep 0.1; done']
          volumeMounts: [{ name: shared, mountPath: /shared }]
      containers:
        - name: worker
          image: ${image}
          command: [sh, -c, 'trap "exit 0" TERM; while :; do cat /shared/now > /dev/null; sleep 5 & wait $!; done']
          livenessProbe: { exec: { command: [test, -s, /shared/now] }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 10 }
          env: [{ name: OWN_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }]
          resources: { limits: { memory: 64Mi } }
          volumeMounts:
            - { name: shared, mountPath: /shared }
            - { name: about, mountPath: /about }
      volumes:
        - { name: shared, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
        - { name: about, downwardAPI: { items: [{ path: name, fieldRef: { fieldPath: metadata.name } }] } }
      terminationGracePeriodSeconds: 1
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: pair }
spec:
  replicas: 1
  selector: { matchLabels: { app: pair } }
  template:
    metadata: { labels: { app: pair, kept: "yes" } }
    spec:
      containers:
        - name: writer
          image: ${image}
          command: [sh, -c, 'trap "exit 0" TERM; while :; do date >> /data/log; tail -n 5 /data/log > /data/short; sleep 3 & wait $!; done']
          startupProbe: { exec: { command: [test, -s, /data/short] }, periodSeconds: 1, failureThreshold: 60 }
          volumeMounts: [{ name: data, mountPath: /data }]
        - name: reader
          image: ${image}
          command: [sh, -c, 'exec httpd -f -p 8081 -h /data']
          readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 3 }
          volumeMounts: [{ name: data, mountPath: /data, readOnly: true }]
      volumes: [{ name: data, emptyDir: {} }]
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Pod
metadata: { name: lone, labels: { app: lone, kept: "yes" } }
spec:
  initContainers:
    - name: first
      image: ${image}
      command: [sh, -c, 'test \${#WORD} = 6 && echo one > /steps/step']
      env: [{ name: WORD, valueFrom: { secretKeyRef: { name: word, key: word } } }]
      volumeMounts: [{ name: work, mountPath: /steps }]
    - name: second
      image: ${image}
      command: [sh, -c, 'grep -q one /steps/step && cat /secret/word >> /steps/step']
      volumeMounts: [{ name: work, mountPath: /steps }, { name: secret, mountPath: /secret }]
  containers:
    - name: lone
      image: ${image}
      command: [sh, -c, 'grep -q sesame /steps/step && exec httpd -f -p 8080 -h /steps']
      readinessProbe: { httpGet: { port: 8080, path: /step }, periodSeconds: 3 }
      volumeMounts: [{ name: work, mountPath: /steps }]
  volumes:
    - { name: work, emptyDir: {} }
    - { name: secret, secret: { secretName: word } }
  terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Pod
metadata: { name: odd, labels: { app: odd, kept: "yes" } }
spec:
  shareProcessNamespace: true
  hostname: odd-one
  containers:
    - name: one
      image: ${image}
      command: [sh, -c, 'exec sleep 100000']
    - name: two
      image: ${image}
      command: [sh, -c, 'exec sleep 100000']
      securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
  terminationGracePeriodSeconds: 0
`

/** An unrelated Deployment, or one more pod that a round makes and takes away again. */
export const passing = (of: { readonly name: string; readonly replicas: number; readonly node?: string }): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${of.name} }
spec:
  replicas: ${of.replicas}
  selector: { matchLabels: { app: ${of.name} } }
  template:
    metadata: { labels: { app: ${of.name}, passing: "yes" } }
    spec:
${of.node === undefined ? '' : `      nodeSelector: { kubernetes.io/hostname: ${of.node} }\n`}      containers:
        - name: passing
          image: ${image}
          command: [sh, -c, 'exec sleep 100000']
          volumeMounts: [{ name: marker, mountPath: /marker }, { name: work, mountPath: /steps }]
      volumes: [{ name: marker, configMap: { name: marker } }, { name: work, emptyDir: {} }]
      terminationGracePeriodSeconds: 0
`
