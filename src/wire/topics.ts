import type { Assignment } from '../core/nodes/assignment.ts'
import type { Neighbourhood } from '../core/services/neighbourhood.ts'
import type {
  Command,
  EventReport,
  Hello,
  HelloReply,
  HubNotice,
  Live,
  Result,
  StatusReport,
  TunnelBytes,
} from './payloads.ts'

/**
 * Every MQTT topic of the fleet and what it carries. Topics below are suffixes: the full topic is
 * `dunlin/1/<fleet>/n/<node>/<suffix>`, `dunlin/1/<fleet>/b/hub`, `dunlin/1/<fleet>/t/<node>/<device>/{birth,data}`.
 * All but telemetry travels in an envelope (envelope.ts), but for tunnels, whose frames are sealed by a key of their own
 * (side-channel/tunnel-frame.ts). `docs/topics.md` is kept equal to this file by a test.
 */
export interface DownTopics {
  readonly 'd/state': Assignment
  readonly 'd/net': Neighbourhood
  readonly 'd/hub': HelloReply
  readonly 'd/cmd': Command
  readonly 'd/tun': TunnelBytes
}

export interface UpTopics {
  readonly 'u/hello': Hello
  readonly 'u/live': Live
  readonly 'u/status': StatusReport
  readonly 'u/res': Result
  readonly 'u/ev': EventReport
  readonly 'u/tun': TunnelBytes
}

export interface BroadcastTopics {
  readonly 'b/hub': HubNotice
}

/** Those that travel in an envelope. */
export type DownTopic = Exclude<keyof DownTopics, 'd/tun'>
export type UpTopic = Exclude<keyof UpTopics, 'u/tun'>
