import { Fault } from '../api/fault.ts'

/**
 * Watches the bytes of an MQTT connection for frames that announce more than may be read, before they are buffered.
 * Keeps one frame's header at most. MQTT 3.1.1 section 2.2.3.
 */
export interface FrameGuard {
  /** @throws Fault Malformed at the header of a frame that is too long, or has no valid length */
  feed(bytes: Uint8Array): void
  /** Whether a DISCONNECT went by: what follows is an end, not a break. */
  readonly hasDisconnected: boolean
  /** Frames that have begun. */
  readonly frames: number
}

const disconnectType = 14

/** @example const guard = frameGuard(() => (isConnected ? 512 * 1024 : 8 * 1024)) */
export const frameGuard = (mostBytes: () => number): FrameGuard => {
  let state: 'type' | 'length' | 'body' = 'type'
  let left = 0
  let shift = 0
  let hasDisconnected = false
  let frames = 0
  return {
    get hasDisconnected() {
      return hasDisconnected
    },
    get frames() {
      return frames
    },
    feed(bytes) {
      let at = 0
      while (at < bytes.length) {
        if (state === 'body') {
          const step = Math.min(left, bytes.length - at)
          at += step
          left -= step
          if (left === 0) state = 'type'
          continue
        }
        const byte = bytes[at] ?? 0
        at += 1
        if (state === 'type') {
          frames += 1
          if (byte >> 4 === disconnectType) hasDisconnected = true
          state = 'length'
          left = 0
          shift = 0
          continue
        }
        left += (byte & 0x7f) * 2 ** shift
        shift += 7
        const isMore = (byte & 0x80) !== 0
        if (left > mostBytes() || (isMore && shift > 21))
          throw new Fault('Malformed', `an MQTT frame of at least ${left} bytes; at most ${mostBytes()} are read`, {
            bytes: left,
          })
        if (!isMore) state = left === 0 ? 'type' : 'body'
      }
    },
  }
}
