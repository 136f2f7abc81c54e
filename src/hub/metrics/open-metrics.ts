import type { Clock } from '../../lib/clock.ts'
import { exposition, inChunks } from '../../lib/exposition.ts'
import type { Objects } from '../objects.ts'
import type { MetricsSource } from '../ports.ts'
import type { HubObjects } from '../store/open-objects.ts'
import type { Store } from '../store/store.ts'
import { hubMeter } from './hub-metrics.ts'
import { meteredStore, storeSizes } from './metered-store.ts'
import { type NodeSign, nodeFamilies } from './node-series.ts'
import { processMetrics } from './process-metrics.ts'
import { queueMetrics } from './queue-metrics.ts'
import { stateFamilies } from './state-metrics.ts'
import { type TelemetryMemory, telemetryMemory } from './telemetry-memory.ts'

/*
 *   parts of the hub ── additions ──> meter ─────────────┐
 *   objects, links, process ── read at a scrape ─────────┼──> /metrics, /metrics/state, /metrics/nodes
 *   telemetry of nodes, as it passes ──> its newest ─────┘
 */

/** What the source reads when it is asked. */
export interface MeteredParts {
  readonly objects: HubObjects
  readonly signs: () => Iterable<NodeSign>
  readonly sessions: () => { readonly sessions: number; readonly streams: number }
}

/**
 * Everything that the hub counts, and what scrapers get of it. Nothing ticks here while nobody scrapes.
 *
 * @example const metrics = openMetrics({ clock, version }); … metrics.source({ objects, signs, sessions }) … metrics.close()
 */
export const openMetrics = (of: { readonly clock: Clock; readonly version: string }) => {
  const meter = hubMeter()
  const use = processMetrics({ ...of, meter })
  const telemetry = telemetryMemory()
  let sizes = { db: 0, wal: 0 }
  let lookAtFiles = async (): Promise<void> => {}
  return {
    meter,
    queues: queueMetrics({ ...of, meter }),
    /** Takes the telemetry of nodes that there are, until they are removed. */
    telemetryOf(objects: Objects): TelemetryMemory['take'] {
      objects.onChange('Node', (key, node) => {
        if (node === undefined) telemetry.forget(key.name)
      })
      return (node, ...message) => {
        if (objects.get('Node', { namespace: '', name: node }) !== undefined) telemetry.take(node, ...message)
      }
    },
    /** The same store, counted; `path` is its file. */
    store(store: Store, path: string): Store {
      meter.read('dunlin_store_size_bytes', () => Object.entries(sizes).map(([file, size]) => [[file], size]))
      lookAtFiles = async () => {
        sizes = await storeSizes(path)
      }
      return meteredStore(store, { ...of, meter })
    },
    source({ objects, signs, sessions }: MeteredParts): MetricsSource {
      meter.read('dunlin_store_revision', () => [[[], objects.revision]])
      meter.read('apiserver_storage_objects', () =>
        objects.kinds.map(kind => [
          [kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`],
          objects.count(kind.kind),
        ]),
      )
      meter.read('dunlin_sessions', () => [[[], sessions().sessions]])
      meter.read('dunlin_streams', () => [[[], sessions().streams]])
      const nodes = { signs, telemetry, objects }
      return {
        async hub() {
          await Promise.all([use.look(), lookAtFiles()])
          return inChunks(exposition(meter.families()))
        },
        state: () => inChunks(exposition(stateFamilies(objects))),
        nodes: () => inChunks(exposition(nodeFamilies(nodes))),
        node: name => inChunks(exposition(nodeFamilies(nodes, name))),
      }
    },
    close: () => use.close(),
  }
}
