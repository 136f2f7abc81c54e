import t from 'tap'
import { pace } from '../../src/wire/side-channel/pace.ts'
import { fails } from '../support/fails.ts'

/** A path of a rate and a delay with a queue before it, on which a sender always has more to say. */
const overPath = (of: { readonly bytesPerMs: number; readonly roundTripMs: number; readonly forMs: number }) => {
  let now = 0
  const one = pace({ now: () => now, mostBytes: 1024 * 1024, mostFrameBytes: 32 * 1024 })
  const arrivals: { at: number; bytes: number }[] = []
  let pathFreeAt = 0
  let delivered = 0
  let longestQueueMs = 0
  for (; now < of.forMs; now += 1) {
    for (let first = arrivals[0]; first !== undefined && first.at <= now; first = arrivals[0]) {
      arrivals.shift()
      one.received(first.bytes)
      delivered += first.bytes
    }
    for (let bytes = Math.min(one.frameBytes, one.allowed); bytes > 0; bytes = Math.min(one.frameBytes, one.allowed)) {
      one.sent(bytes)
      pathFreeAt = Math.max(pathFreeAt, now) + bytes / of.bytesPerMs
      arrivals.push({ at: pathFreeAt + of.roundTripMs, bytes })
    }
    // What it learns from is behind it.
    if (now > of.forMs / 2) longestQueueMs = Math.max(longestQueueMs, pathFreeAt - now)
  }
  return { bytesPerMs: delivered / of.forMs, longestQueueMs, frameBytes: one.frameBytes }
}

t.test('a slow path is filled, and its queue stays short', async t => {
  // 5 Mbit/s, 80 ms there and back.
  const seen = overPath({ bytesPerMs: 625, roundTripMs: 80, forMs: 20_000 })
  t.ok(seen.bytesPerMs > 0.85 * 625, `${seen.bytesPerMs} of 625 bytes/ms`)
  t.ok(seen.longestQueueMs < 100, `${seen.longestQueueMs} ms of queue`)
})

t.test('a fast path gets all that may be on its way, in large frames', async t => {
  const seen = overPath({ bytesPerMs: 100_000, roundTripMs: 1, forMs: 2000 })
  t.ok(seen.bytesPerMs > 50_000, `${seen.bytesPerMs} of 100,000 bytes/ms`)
  t.equal(seen.frameBytes, 32 * 1024)
})

t.test('a very slow path is sent small frames', async t => {
  const seen = overPath({ bytesPerMs: 16, roundTripMs: 200, forMs: 60_000 })
  t.ok(seen.frameBytes <= 8 * 1024, `${seen.frameBytes} bytes a frame`)
  t.ok(seen.bytesPerMs > 0.8 * 16, `${seen.bytesPerMs} of 16 bytes/ms`)
})

t.test('a path that says nothing is sent no more than may be on its way', async t => {
  const one = pace({ now: () => 0, mostBytes: 1024 * 1024, mostFrameBytes: 32 * 1024 })
  let sent = 0
  for (let bytes = Math.min(one.frameBytes, one.allowed); bytes > 0; bytes = Math.min(one.frameBytes, one.allowed)) {
    one.sent(bytes)
    sent += bytes
  }
  t.equal(sent, 64 * 1024)
})

t.test('a peer that says it received more than was sent is not believed', async t => {
  const one = pace({ now: () => 0, mostBytes: 1024 * 1024, mostFrameBytes: 32 * 1024 })
  one.sent(10)
  await fails(t, (async () => one.received(11))(), 'Malformed', /11 bytes of 10/)
})
