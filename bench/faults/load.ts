import { Agent, get } from 'node:http'

/** Clients that ask without end. */
export interface Load {
  /** Waits for the requests that are under way, and gives what was counted since the last call. */
  take(): Promise<{ readonly answered: number; readonly failed: number; readonly failures: readonly string[] }>
  close(): Promise<void>
}

/** Failures whose words are kept; more are counted only. */
const mostWords = 20

/**
 * One client for each URL, which opens a connection for each request, waits for the whole answer and asks again after
 * `everyMs`. An answer after `timeoutMs` is a failure.
 *
 * @example const load = startLoad({ urls: ['http://192.168.50.11:30091/'], everyMs: 50, timeoutMs: 5000 })
 */
export const startLoad = (of: {
  readonly urls: readonly string[]
  readonly everyMs: number
  readonly timeoutMs: number
}): Load => {
  let isOver = false
  let counts = { answered: 0, failed: 0 }
  let failures: string[] = []
  const underWay = new Set<Promise<void>>()
  const once = async (url: string): Promise<void> => {
    try {
      await ask(url, of.timeoutMs)
      counts.answered += 1
    } catch (error) {
      counts.failed += 1
      const why = error instanceof Error ? error.message : String(error)
      if (failures.length < mostWords) failures.push(`${url} at ${new Date().toISOString()}: ${why}`)
    }
  }
  const client = async (url: string): Promise<void> => {
    while (!isOver) {
      const asked = once(url)
      underWay.add(asked)
      await asked
      underWay.delete(asked)
      await new Promise(resolve => setTimeout(resolve, of.everyMs))
    }
  }
  const clients = of.urls.map(client)
  return {
    async take() {
      // One that fails belongs to the time in which it began.
      await Promise.all(underWay)
      const taken = { ...counts, failures }
      counts = { answered: 0, failed: 0 }
      failures = []
      return taken
    },
    async close() {
      isOver = true
      await Promise.all(clients)
    },
  }
}

const fresh = new Agent({ keepAlive: false })

/** The text of a page, within `timeoutMs` from the first packet to the last. @throws what went wrong */
export const ask = (url: string, timeoutMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: fresh, signal: AbortSignal.timeout(timeoutMs) }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => {
        text += chunk
      })
      answer.on('error', reject)
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(text) : reject(new Error(`${url} answered ${answer.statusCode}`)),
      )
    })
    request.on('error', reject)
  })
