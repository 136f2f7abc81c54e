import { describeError } from '../api/fault.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { NodeReport, NodeUsage, PodReport, StatusReport } from '../wire/payloads.ts'
import type { HubLink } from './hub-link.ts'

/*
 *   pod(report) ──> newest per pod ──readiness or end: at once, else within 2 s──> changed ones ──> hub
 *   full wanted ──────────────────────────────────────────────────────────────> all of them ──┘
 *                                         not connected, or not sent: still the newest, still changed
 */

/** What is observed, on its way to the hub: only changes, and nothing is lost but what a newer one replaced. */
export interface Reporter {
  pod(report: PodReport): void
  node(report: NodeReport): void
  usage(usage: NodeUsage): void
  /** Sends what is to be sent now. */
  flush(): Promise<void>
  close(): Promise<void>
}

const coalesceMs = 2000
/** Pods in one message: bodies stay far below what the link refuses. */
const mostPodsInOne = 50

/** Bounded by the number of pods that the node has, and those that left it since the hub last heard. */
export const reporter = (of: {
  readonly link: Pick<HubLink, 'report' | 'isConnected' | 'onFullReportWanted' | 'onConnection'>
  /** Uids of all pods that the node has anything of; undefined while it has not looked yet. */
  readonly presentPodUids: () => readonly string[] | undefined
  readonly clock: Clock
  readonly log: Log
}): Reporter => {
  const { link, clock, log } = of
  const newest = new Map<string, PodReport>()
  const dirty = new Set<string>()
  let node: NodeReport | undefined
  let isNodeDirty = false
  let usage: NodeUsage | undefined
  /** `begun`: all pods are marked as changed, and the list of them follows with the last. */
  let full: 'none' | 'wanted' | 'begun' = 'none'
  let timer: { readonly atMs: number; readonly cancel: () => void } | undefined
  let sending: Promise<void> | undefined

  const within = (ms: number): void => {
    if (!link.isConnected) return
    const atMs = clock.monotonic() + ms
    if (timer !== undefined && timer.atMs <= atMs) return
    timer?.cancel()
    const cancel = clock.after(ms, () => {
      timer = undefined
      send()
    })
    timer = { atMs, cancel }
  }

  /** One message at a time; what changes meanwhile goes with the next. */
  const send = (): void => {
    if (sending !== undefined) return
    sending = sendAll()
      .catch((error: unknown) => {
        log.debug('a report was not sent and is kept', { why: describeError(error) })
        within(coalesceMs)
      })
      .finally(() => {
        sending = undefined
        if (link.isConnected && (dirty.size > 0 || isNodeDirty || full !== 'none')) within(coalesceMs)
      })
  }

  const sendAll = async (): Promise<void> => {
    while (link.isConnected) {
      const present = full === 'none' ? undefined : of.presentPodUids()
      if (full === 'wanted' && present !== undefined) {
        for (const uid of newest.keys()) dirty.add(uid)
        isNodeDirty = node !== undefined
        full = 'begun'
      }
      const pods = [...dirty].slice(0, mostPodsInOne).flatMap(uid => newest.get(uid) ?? [])
      // The list of what is there ends a full report, so that the hub has heard of every pod in it.
      const isEnd = full === 'begun' && pods.length === dirty.size
      const sent = { node: isNodeDirty ? node : undefined, usage }
      const body: Omit<StatusReport, 'format' | 'sequence' | 'bootId' | 'applied'> = {
        ...(sent.node === undefined ? {} : { node: sent.node }),
        ...(pods.length === 0 ? {} : { pods }),
        ...(isEnd && present !== undefined ? { presentPodUids: present } : {}),
        ...(usage === undefined ? {} : { usage }),
      }
      if (Object.keys(body).length === 0) return
      if (isEnd) full = 'none'
      try {
        await link.report(body)
      } catch (error) {
        if (isEnd) full = 'wanted'
        throw error
      }
      for (const pod of pods) {
        if (newest.get(pod.uid) !== pod) continue
        dirty.delete(pod.uid)
        if (pod.gone) newest.delete(pod.uid)
      }
      if (node === sent.node) isNodeDirty = false
      if (usage === sent.usage) usage = undefined
    }
  }

  const stopFull = link.onFullReportWanted(() => {
    full = 'wanted'
    // The hub may have called the node Unknown meanwhile: it is what it was, and only the node can say so.
    isNodeDirty = node !== undefined
    within(1)
  })
  const stopConnection = link.onConnection(isConnected => {
    if (isConnected && (dirty.size > 0 || isNodeDirty)) within(coalesceMs)
  })

  return {
    pod(report) {
      const before = newest.get(report.uid)
      if (before !== undefined && canonicalJson(before) === canonicalJson(report)) return
      newest.set(report.uid, report)
      dirty.add(report.uid)
      within(isUrgent(before, report) ? 1 : coalesceMs)
    },
    node(report) {
      if (node !== undefined && canonicalJson(steady(node)) === canonicalJson(steady(report))) return
      node = report
      isNodeDirty = true
      within(coalesceMs)
    },
    usage(next) {
      usage = next
      within(1)
    },
    async flush() {
      timer?.cancel()
      timer = undefined
      await sending
      send()
      await sending
    },
    async close() {
      timer?.cancel()
      stopFull()
      stopConnection()
      await sending
    },
  }
}

/** Readiness and ends move traffic and deletions: they are sent at once. */
const isUrgent = (before: PodReport | undefined, now: PodReport): boolean =>
  now.gone === true || readiness(before) !== readiness(now) || before?.status?.phase !== now.status?.phase

const readiness = (report: PodReport | undefined): string =>
  `${report?.status?.conditions?.find(one => one.type === 'Ready')?.status} ${report?.status?.podIP}`

/** A node's report without the times that change while nothing does. */
const steady = (report: NodeReport): object => ({
  ...report,
  conditions: report.conditions.map(({ lastHeartbeatTime: _at, ...rest }) => rest),
})
