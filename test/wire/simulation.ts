import { acceptDocument, confirmDocument, type DocumentMemory } from '../../src/agent/link/accept-document.ts'
import { compareTuples, type DocumentTuple } from '../../src/core/nodes/assignment.ts'
import { acknowledge, type Delivery, dueAt, greet, noDelivery, sent, want } from '../../src/hub/fleet/delivery.ts'
import { isFresh, type NodeLink, nodeLink, openSession } from '../../src/hub/fleet/node-link.ts'
import type { Held } from '../../src/wire/payloads.ts'

/*
 * A small fleet in which everything goes wrong, second by second, with the ordering code of both ends as it ships:
 * a store that is restored from old backups, two hubs of which a paused one still believes that it leads, a broker
 * that loses, repeats, delays and swaps, and agents that crash between any two of their steps. Then all is quiet,
 * and everything must have come right. Signatures are modelled: what was signed cannot be changed, only carried.
 */

export interface Setting {
  readonly broker: 'honest' | 'forgetful' | 'malicious'
  /** Without it no disk is lost either: a node that forgets all must be able to say so. */
  readonly hello: boolean
  readonly resend: boolean
  readonly signed: boolean
  /** Which part of the order counts. */
  readonly order: 'whole' | 'revision alone'
}

export const asShipped = (broker: Setting['broker']): Setting => ({
  broker,
  hello: true,
  resend: true,
  signed: true,
  order: 'whole',
})

export interface Outcome {
  /** Nodes whose state is not what is desired at the end. */
  readonly diverged: number
  /** Documents that were taken although a newer one had been. */
  readonly regressions: number
  /** Documents that were taken and that no hub had written for this node. */
  readonly forged: number
  readonly taken: number
}

type Body =
  | { readonly topic: 'hello'; readonly nonce: string; readonly held: Held | undefined }
  | { readonly topic: 'reply'; readonly nonce: string; readonly session: string; readonly held: Held }
  | { readonly topic: 'state'; readonly held: Held }
  | { readonly topic: 'status'; readonly session: string; readonly sequence: number; readonly held: Held | undefined }

interface Letter {
  /** Whose key signed it. */
  readonly by: 'hub' | 'nobody' | number
  /** For which node it was written, or of which. */
  readonly node: number
  readonly body: Body
}

interface UnderWay {
  readonly letter: Letter
  /** Where the broker brings it; the malicious one may bring it elsewhere. */
  readonly to: 'hubs' | number
  readonly at: number
}

interface Hub {
  isActive: boolean
  /** It does not know yet that another leads. */
  isDeposed: boolean
  term: number
  incarnation: number
  view: number
  links: NodeLink[]
}

interface Agent {
  disk: Held | undefined
  memory: DocumentMemory
  isUp: boolean
  isConnected: boolean
  nonce: string
  session: string
  sequence: number
  helloAt: number
  helloAttempt: number
  newestTaken: DocumentTuple | undefined
}

const nodes = 4
const faultySeconds = 300
const quietSeconds = 400
const helloEvery = 60
const nothing: Held = { tuple: { incarnation: 0, revision: 0, term: 0 }, digest: '' }

/** Runs one fleet to its end. The same seed and setting give the same outcome. */
export const simulate = (seed: number, setting: Setting): Outcome => {
  const random = randomNumbers(seed)
  const chance = (of: number): boolean => random() < of
  const pick = (below: number): number => Math.floor(random() * below)

  let now = 0
  let names = 0
  const name = (): string => {
    names += 1
    return `${names}`
  }

  // The store: what is desired of each node at each revision. A restore forgets the newest revisions.
  let incarnation = 1
  let terms = 1
  let history: (readonly string[])[] = [Array.from({ length: nodes }, (_, node) => `${node}:0`)]
  const revision = (): number => history.length
  const desired = (node: number, at = revision()): string => history[at - 1]?.[node] ?? ''

  const aHub = (): Hub => ({
    isActive: false,
    isDeposed: false,
    term: 0,
    incarnation: 0,
    view: 1,
    links: Array.from({ length: nodes }, (_, node) => nodeLink(String(node))),
  })
  const hubs = [aHub(), aHub()]
  const anAgent = (): Agent => ({
    disk: undefined,
    memory: { held: undefined, floor: setting.hello ? undefined : nothing.tuple },
    isUp: true,
    isConnected: false,
    nonce: '',
    session: '',
    sequence: 0,
    helloAt: Number.POSITIVE_INFINITY,
    helloAttempt: 0,
    newestTaken: undefined,
  })
  const agents = Array.from({ length: nodes }, anAgent)
  const outcome = { diverged: 0, regressions: 0, forged: 0, taken: 0 }

  let isQuiet = false
  let underWay: UnderWay[] = []
  const recorded: Letter[] = []
  const post = (letter: Letter, to: UnderWay['to']): void => {
    recorded.push(letter)
    const copies = isQuiet ? 1 : chance(0.15) ? 0 : chance(0.1) ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      // Most are there within the second; some come late, and so overtaken.
      const delay = isQuiet ? 0 : chance(0.2) ? pick(40) : pick(2)
      underWay.push({ letter, to, at: now + delay })
    }
  }

  const orderOf = (held: Held): Held =>
    setting.order === 'whole' ? held : { ...held, tuple: { incarnation: 0, revision: held.tuple.revision, term: 0 } }

  // ---- the hub

  const lead = (hub: Hub): void => {
    terms += 1
    Object.assign(hub, { isActive: true, isDeposed: false, term: terms, incarnation, view: revision() })
    hub.links = Array.from({ length: nodes }, (_, node) => nodeLink(String(node)))
  }
  const render = (hub: Hub, node: number): Held => ({
    tuple: { incarnation: hub.incarnation, revision: hub.view, term: hub.term },
    digest: desired(node, Math.min(hub.view, revision())),
  })
  const deliveryOf = (hub: Hub, node: number): Delivery => hub.links[node]?.deliveries.state ?? noDelivery
  const setDelivery = (hub: Hub, node: number, delivery: Delivery): void => {
    const link = hub.links[node]
    if (link !== undefined) link.deliveries.state = delivery
  }
  const deliver = (hub: Hub, node: number): void => {
    const wanted = want(deliveryOf(hub, node), render(hub, node))
    setDelivery(hub, node, wanted)
    const due = dueAt(wanted)
    const isFirst = wanted.sentDigest !== wanted.wanted?.digest
    if (wanted.wanted === undefined || due === undefined || due > now * 1000 || !(setting.resend || isFirst)) return
    post({ by: 'hub', node, body: { topic: 'state', held: wanted.wanted } }, node)
    setDelivery(hub, node, sent(wanted, now * 1000))
  }
  const hubHears = (hub: Hub, letter: Letter): void => {
    const { node, body } = letter
    const link = hub.links[node]
    if (link === undefined || (setting.signed && letter.by !== node)) return
    if (body.topic === 'hello') {
      const session = name()
      openSession(link, session)
      setDelivery(hub, node, greet(want(deliveryOf(hub, node), render(hub, node)), body.held))
      const held = deliveryOf(hub, node).wanted ?? nothing
      post({ by: 'hub', node, body: { topic: 'reply', nonce: body.nonce, session, held } }, node)
    }
    if (body.topic !== 'status') return
    // Without hello there are no sessions to tell old words from new ones.
    if (setting.hello && !isFresh(link, body.session, body.sequence, now * 1000)) return
    setDelivery(hub, node, acknowledge(deliveryOf(hub, node), body.held))
  }

  // ---- the agent

  const say = (node: number, body: Body): void => post({ by: node, node, body }, 'hubs')
  const crash = (agent: Agent): void => {
    Object.assign(agent, { isUp: false, isConnected: false, session: '', nonce: '' })
  }
  const start = (agent: Agent): void => {
    agent.isUp = true
    agent.memory = { held: agent.disk, floor: setting.hello ? undefined : nothing.tuple }
  }
  const sayHello = (agent: Agent, node: number): void => {
    agent.nonce = name()
    agent.helloAt = now + Math.min(2 ** agent.helloAttempt, helloEvery)
    agent.helloAttempt += 1
    say(node, { topic: 'hello', nonce: agent.nonce, held: agent.memory.held })
  }
  const report = (agent: Agent, node: number): void => {
    if (!agent.isConnected || (setting.hello && agent.session === '')) return
    agent.sequence += 1
    say(node, { topic: 'status', session: agent.session, sequence: agent.sequence, held: agent.memory.held })
  }
  const takeState = (agent: Agent, node: number, letter: Letter, held: Held): void => {
    const memory = {
      held: agent.memory.held && orderOf(agent.memory.held),
      floor: agent.memory.floor && orderOf({ tuple: agent.memory.floor, digest: '' }).tuple,
    }
    const { action } = acceptDocument(memory, orderOf(held))
    if (action === 'ignore') return
    if (!isQuiet && chance(0.02)) {
      crash(agent)
      return
    }
    agent.disk = held
    if (action === 'take') {
      outcome.taken += 1
      if (letter.by !== 'hub' || letter.node !== node) outcome.forged += 1
      if (agent.newestTaken !== undefined && compareTuples(held.tuple, agent.newestTaken) < 0) outcome.regressions += 1
    }
    if (agent.newestTaken === undefined || compareTuples(held.tuple, agent.newestTaken) > 0)
      agent.newestTaken = held.tuple
    if (!isQuiet && chance(0.02)) {
      crash(agent)
      return
    }
    agent.memory = { ...agent.memory, held }
    report(agent, node)
  }
  const agentHears = (agent: Agent, node: number, letter: Letter): void => {
    if (!agent.isUp || !agent.isConnected) return
    if (setting.signed && (letter.by !== 'hub' || letter.node !== node)) return
    const { body } = letter
    if (body.topic === 'state') takeState(agent, node, letter, body.held)
    if (body.topic !== 'reply' || body.nonce !== agent.nonce || agent.nonce === '') return
    Object.assign(agent, { nonce: '', session: body.session, sequence: 0, helloAttempt: 0 })
    agent.helloAt = now + Math.round(helloEvery * (0.5 + random()))
    const before = agent.memory.held
    agent.memory = confirmDocument(agent.memory, body.held)
    if (agent.memory.held !== before && agent.memory.held !== undefined) {
      agent.disk = agent.memory.held
      agent.newestTaken = agent.memory.held.tuple
    }
    report(agent, node)
  }

  // ---- what goes wrong

  const misfortune = (): void => {
    if (chance(0.12)) {
      const node = pick(nodes)
      const before = history.at(-1) ?? []
      // Few contents, so that the same one comes back.
      history.push(before.map((content, index) => (index === node ? `${node}:${pick(3)}` : content)))
    }
    for (const hub of hubs) {
      if (hub.isActive && !hub.isDeposed && chance(0.7)) hub.view = revision()
      if (hub.isDeposed && chance(0.03)) hub.isActive = false
    }
    if (chance(0.02)) {
      // The leader pauses and another is elected; the paused one goes on with what it saw.
      const [from, to] = hubs[0]?.isActive && !hubs[0].isDeposed ? [hubs[0], hubs[1]] : [hubs[1], hubs[0]]
      if (from !== undefined && to !== undefined) {
        from.isDeposed = true
        if (chance(0.5)) from.isActive = false
        lead(to)
      }
    }
    if (chance(0.006)) {
      history = history.slice(0, Math.max(1, revision() - 1 - pick(12)))
      incarnation += 1
      for (const hub of hubs) hub.isActive = false
      const hub = hubs[pick(2)]
      if (hub !== undefined) lead(hub)
    }
    for (const agent of agents) {
      if (agent.isUp && chance(0.01)) crash(agent)
      else if (!agent.isUp && chance(0.2)) start(agent)
      if (agent.isConnected && chance(0.015)) Object.assign(agent, { isConnected: false, session: '', nonce: '' })
      if (setting.hello && !agent.isUp && chance(0.01))
        Object.assign(agent, { disk: undefined, newestTaken: undefined })
    }
    if (setting.broker !== 'honest' && chance(0.02)) {
      underWay = []
      for (const agent of agents) Object.assign(agent, { isConnected: false, session: '', nonce: '' })
    }
    if (setting.broker === 'malicious') adversary()
  }
  const adversary = (): void => {
    if (chance(0.5) && recorded.length > 0) {
      const letter = recorded[pick(recorded.length)]
      const isUp = letter?.body.topic === 'hello' || letter?.body.topic === 'status'
      // To another node than it was written for, now and then.
      if (letter !== undefined)
        underWay.push({ letter, to: isUp ? 'hubs' : chance(0.3) ? pick(nodes) : letter.node, at: now })
    }
    if (chance(0.1)) {
      const node = pick(nodes)
      const tuple = { incarnation: incarnation + pick(2), revision: revision() + pick(50), term: terms + 1 }
      underWay.push({
        letter: { by: 'nobody', node, body: { topic: 'state', held: { tuple, digest: 'evil' } } },
        to: node,
        at: now,
      })
    }
    if (chance(0.1)) underWay = underWay.filter(() => chance(0.5))
  }

  // ---- the run

  const first = hubs[0]
  if (first !== undefined) lead(first)
  for (; now < faultySeconds + quietSeconds; now += 1) {
    isQuiet = now >= faultySeconds
    if (!isQuiet) misfortune()
    else if (now === faultySeconds) {
      for (const hub of hubs) if (hub.isDeposed) hub.isActive = false
      if (!hubs.some(hub => hub.isActive) && first !== undefined) lead(first)
      for (const agent of agents) if (!agent.isUp) start(agent)
    }
    for (const [node, agent] of agents.entries()) {
      if (agent.isUp && !agent.isConnected && (isQuiet || chance(0.3))) {
        Object.assign(agent, { isConnected: true, helloAttempt: 0, helloAt: now })
        if (!setting.hello) report(agent, node)
      }
      if (setting.hello && agent.isConnected && agent.helloAt <= now) sayHello(agent, node)
    }
    for (const hub of hubs) {
      if (!hub.isActive) continue
      if (isQuiet && !hub.isDeposed) hub.view = revision()
      for (let node = 0; node < nodes; node += 1) {
        const hasSession = (hub.links[node]?.sessions.size ?? 0) > 0
        if (hasSession || !setting.hello) deliver(hub, node)
      }
    }
    const due = underWay.filter(one => one.at <= now)
    underWay = underWay.filter(one => one.at > now)
    for (const { letter, to } of due) {
      if (to === 'hubs') for (const hub of hubs) hub.isActive && hubHears(hub, letter)
      else {
        const agent = agents[to]
        if (agent !== undefined) agentHears(agent, to, letter)
      }
    }
  }
  outcome.diverged = agents.filter((agent, node) => agent.memory.held?.digest !== desired(node)).length
  return outcome
}

/** Uniform numbers from 0 up to 1: mulberry32. */
const randomNumbers = (seed: number) => {
  let state = (seed * 0x9e3779b1) >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The sum over many seeds, and how many runs did not converge. */
export const simulateMany = (seeds: number, setting: Setting) => {
  const sum = { divergedRuns: 0, regressions: 0, forged: 0, taken: 0, worstSeed: -1 }
  for (let seed = 1; seed <= seeds; seed += 1) {
    const outcome = simulate(seed, setting)
    if (outcome.diverged > 0) sum.divergedRuns += 1
    if (outcome.diverged + outcome.regressions + outcome.forged > 0) sum.worstSeed = seed
    sum.regressions += outcome.regressions
    sum.forged += outcome.forged
    sum.taken += outcome.taken
  }
  return sum
}
