import type { MetricTable } from '../../lib/exposition.ts'
import { type Meter, meterOf } from '../../lib/meter.ts'

/** k8s: a choice of upstream's own bounds, so that queries made for Kubernetes hold. */
const requestSeconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 15, 60] as const
/** k8s: workqueue_*. */
const queueSeconds = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10] as const
const commitSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const

/** Labels of a request for a resource; empty where it was for something else. */
const resource = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const

/**
 * What the hub itself counts, all that `/metrics` shows. Names and meanings are Kubernetes' and Prometheus' own where
 * they have one. No label of it grows with the fleet.
 */
export const hubMetrics = {
  apiserver_request_total: {
    type: 'counter',
    labels: [...resource, 'code'],
    help: 'Requests answered, by what was asked and the HTTP status.',
  },
  apiserver_request_duration_seconds: {
    type: 'histogram',
    labels: resource,
    buckets: requestSeconds,
    help: 'Time from the head of a request to its answer; watches and followed logs are left out.',
  },
  apiserver_current_inflight_requests: {
    type: 'gauge',
    labels: ['request_kind'],
    help: 'Requests under way, watches and followed logs left out: readOnly or mutating.',
  },
  apiserver_longrunning_requests: {
    type: 'gauge',
    labels: resource,
    help: 'Watches and other streams that are open.',
  },
  apiserver_watch_events_total: {
    type: 'counter',
    labels: ['group', 'version', 'resource'],
    help: 'Events sent to watches.',
  },
  apiserver_terminated_watchers_total: {
    type: 'counter',
    labels: ['group', 'version', 'resource'],
    help: 'Watches ended because their clients did not take the events.',
  },
  apiserver_dropped_requests_total: {
    type: 'counter',
    labels: ['request_kind', 'reason'],
    help: 'Requests answered with 429 because of a bound of the hub: inflight, watches, bodies or answers.',
  },
  apiserver_tls_handshake_errors_total: {
    type: 'counter',
    labels: ['port'],
    help: 'TLS handshakes that failed, were given up or turned away, on the API or the MQTT port.',
  },
  authentication_attempts: {
    type: 'counter',
    labels: ['result'],
    help: 'Callers judged at the API port: success, anonymous or failure.',
  },
  authorization_attempts_total: {
    type: 'counter',
    labels: ['result'],
    help: 'Requests judged by RBAC: allowed or denied.',
  },
  apiserver_storage_objects: {
    type: 'gauge',
    labels: ['resource'],
    help: 'Objects that the hub holds, by kind.',
  },
  dunlin_http_connections: {
    type: 'gauge',
    labels: [],
    help: 'Connections to the API port that speak HTTP.',
  },
  dunlin_http_connections_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Connections to the API port that were closed: too many, too slow with a request (slow), or not taking an answer (stuck).',
  },
  dunlin_tls_handshakes: {
    type: 'gauge',
    labels: ['port'],
    help: 'TLS handshakes under way, on the API or the MQTT port.',
  },
  dunlin_tls_handshakes_evicted_total: {
    type: 'counter',
    labels: ['port'],
    help: 'Connections closed before their handshake was done: silent while too many were under way, too many of one address, or of an address whose connections came to nothing too often.',
  },
  workqueue_adds_total: { type: 'counter', labels: ['name'], help: 'Keys asked for in a work queue.' },
  workqueue_depth: { type: 'gauge', labels: ['name'], help: 'Keys that wait in a work queue.' },
  workqueue_retries_total: { type: 'counter', labels: ['name'], help: 'Runs that failed, and come again.' },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    labels: ['name'],
    buckets: queueSeconds,
    help: 'How long a key waited for its run.',
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    labels: ['name'],
    buckets: queueSeconds,
    help: 'How long a run took.',
  },
  workqueue_unfinished_work_seconds: {
    type: 'gauge',
    labels: ['name'],
    help: 'Seconds that the runs under way have taken so far, summed.',
  },
  workqueue_longest_running_processor_seconds: {
    type: 'gauge',
    labels: ['name'],
    help: 'Seconds that the longest run under way has taken so far.',
  },
  dunlin_store_transactions_total: {
    type: 'counter',
    labels: ['result'],
    help: 'Transactions of the store: committed, conflict (somebody was faster) or failed.',
  },
  dunlin_store_transaction_duration_seconds: {
    type: 'histogram',
    labels: [],
    buckets: commitSeconds,
    help: 'Time until a transaction was durable, or refused.',
  },
  dunlin_store_transactions_pending: { type: 'gauge', labels: [], help: 'Transactions that wait for the disk.' },
  dunlin_store_written_bytes_total: { type: 'counter', labels: [], help: 'Bytes of values committed to the store.' },
  dunlin_store_size_bytes: {
    type: 'gauge',
    labels: ['file'],
    help: 'Size of the data file (db) and of its log (wal).',
  },
  dunlin_store_revision: { type: 'gauge', labels: [], help: 'The newest revision.' },
  dunlin_broker_connections: { type: 'gauge', labels: ['role'], help: 'Clients of the broker: node or telemetry.' },
  dunlin_broker_connects_total: { type: 'counter', labels: ['role'], help: 'Clients that the broker has admitted.' },
  dunlin_broker_connections_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that the broker turned away: full (too many), rate (one node too often), or role (certificate or client id).',
  },
  dunlin_broker_disconnects_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Clients that left: said (with a DISCONNECT), broken, or closed by a bound of the broker: oversize (a frame), slow (does not read).',
  },
  dunlin_broker_messages_total: {
    type: 'counter',
    labels: ['direction'],
    help: 'MQTT messages in from clients, and out to them.',
  },
  dunlin_broker_bytes_total: {
    type: 'counter',
    labels: ['direction'],
    help: 'Bytes in from clients of the broker and out to them, inside TLS.',
  },
  dunlin_broker_messages_dropped_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Messages that were not handed on: slow (the client did not take them) or topic (not its own).',
  },
  dunlin_broker_clients_slowed_total: {
    type: 'counter',
    labels: [],
    help: 'Times that a client said too much at once, and was not read from for a while.',
  },
  dunlin_broker_subscriptions_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Subscriptions refused: topic (not its own) or many (more than a client may have).',
  },
  dunlin_broker_retained_messages: { type: 'gauge', labels: [], help: 'Telemetry births that the broker keeps.' },
  dunlin_broker_retained_bytes: { type: 'gauge', labels: [], help: 'Bytes of the telemetry births that it keeps.' },
  dunlin_broker_retained_refused_total: {
    type: 'counter',
    labels: [],
    help: 'Births that were handed on, but not kept: a node may have 500, all together 64 MiB.',
  },
  dunlin_nodes: {
    type: 'gauge',
    labels: ['state'],
    help: 'Nodes of the fleet: connected, or away.',
  },
  dunlin_documents_rendered_total: {
    type: 'counter',
    labels: ['document'],
    help: 'Assignments (state) and neighbourhoods (net) rendered, sent or not.',
  },
  dunlin_documents_sent_total: {
    type: 'counter',
    labels: ['document'],
    help: 'Documents sent for the first time.',
  },
  dunlin_documents_resent_total: {
    type: 'counter',
    labels: ['document'],
    help: 'Documents sent again because no acknowledgement came.',
  },
  dunlin_documents_due: {
    type: 'gauge',
    labels: ['document'],
    help: 'Nodes that have not acknowledged the document that is meant for them.',
  },
  dunlin_node_messages_total: {
    type: 'counter',
    labels: ['topic'],
    help: 'Messages from nodes that proved themselves, by topic.',
  },
  dunlin_node_messages_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Messages from nodes left alone: untrusted (unsigned, malformed, of a stranger), stale (of an earlier session), many (too many wait), failed (could not be written).',
  },
  dunlin_commands_total: {
    type: 'counter',
    labels: ['action', 'result'],
    help: 'Commands to nodes, and how they ended: ok, refused or failed.',
  },
  dunlin_sessions: { type: 'gauge', labels: [], help: 'Nodes with an open side channel.' },
  dunlin_streams: { type: 'gauge', labels: [], help: 'Streams open in all side channels.' },
  dunlin_build_info: { type: 'gauge', labels: ['version', 'node_version'], help: 'Always 1.' },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'CPU time of the process, user and system.' },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Resident memory.' },
  process_virtual_memory_bytes: { type: 'gauge', labels: [], help: 'Virtual memory.' },
  process_open_fds: { type: 'gauge', labels: [], help: 'Open file descriptors.' },
  process_max_fds: { type: 'gauge', labels: [], help: 'File descriptors that the process may open.' },
  process_start_time_seconds: { type: 'gauge', labels: [], help: 'When the process began, seconds since 1970.' },
  nodejs_eventloop_lag_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How late a turn of the event loop was at this scrape.',
  },
  nodejs_eventloop_lag_mean_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Mean delay of the event loop since the scrape before; measured only while somebody scrapes.',
  },
  nodejs_eventloop_lag_p99_seconds: { type: 'gauge', labels: [], help: 'The same, 99th percentile.' },
  nodejs_eventloop_lag_max_seconds: { type: 'gauge', labels: [], help: 'The same, maximum.' },
  nodejs_eventloop_utilization_ratio: {
    type: 'gauge',
    labels: [],
    help: 'Share of time that the event loop was busy since the scrape before, 0 to 1.',
  },
  nodejs_heap_size_total_bytes: { type: 'gauge', labels: [], help: 'Heap that V8 has reserved.' },
  nodejs_heap_size_used_bytes: { type: 'gauge', labels: [], help: 'Heap in use.' },
  nodejs_external_memory_bytes: { type: 'gauge', labels: [], help: 'Memory outside the heap that objects hold.' },
  nodejs_active_resources: {
    type: 'gauge',
    labels: ['type'],
    help: 'What keeps the event loop alive: sockets, timers and the like, by sort.',
  },
} as const satisfies MetricTable

export type HubMeter = Meter<typeof hubMetrics>

/** A fresh meter for one hub. */
export const hubMeter = (): HubMeter => meterOf(hubMetrics)
