import type { HubMeter } from '../metrics/hub-metrics.ts'

/** What parts of the API count beside requests themselves. */
export const restCounts = (meter: HubMeter) => ({
  dropped: meter.counter('apiserver_dropped_requests_total'),
  watchEvents: meter.counter('apiserver_watch_events_total'),
  slowWatches: meter.counter('apiserver_terminated_watchers_total'),
  connectionsRefused: meter.counter('dunlin_http_connections_refused_total'),
  callers: meter.counter('authentication_attempts'),
  judged: meter.counter('authorization_attempts_total'),
})

export type RestCounts = ReturnType<typeof restCounts>
