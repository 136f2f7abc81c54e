/**
 * Writes docs/asyncapi.yaml from the types of src/wire: topics, payloads, documents, telemetry. A test holds the file
 * against what this would write.
 *
 * Run: node scripts/generate-asyncapi.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'

const path = (of: string): string => fileURLToPath(new URL(`../${of}`, import.meta.url))

const sources = [
  'src/wire/topics.ts',
  'src/wire/payloads.ts',
  'src/wire/telemetry.ts',
  'src/core/nodes/assignment.ts',
  'src/core/services/neighbourhood.ts',
]

type Schema = { [word: string]: unknown }

interface Token {
  readonly text: string
  /** The doc comment before it. */
  readonly comment?: string
}

const tokens = (source: string): readonly Token[] => {
  const found: Token[] = []
  let comment: string | undefined
  for (const [text] of source.matchAll(/\/\*\*[\s\S]*?\*\/|\/\/.*|'[^']*'|[\w$]+|[{}[\]();:?|&,<>=.]/g)) {
    if (text.startsWith('//')) continue
    if (text.startsWith('/**')) {
      comment = text
        .replaceAll(/^\/\*\*|\*\/$/g, '')
        .replaceAll(/^\s*\*/gm, '')
        .replaceAll(/\s+/g, ' ')
        .trim()
      continue
    }
    found.push({ text, ...(comment !== undefined && { comment }) })
    comment = undefined
  }
  return found
}

/** Reads the type expressions that our payloads are made of. */
class TypeReader {
  readonly #tokens: readonly Token[]
  #at: number

  constructor(all: readonly Token[], at: number) {
    this.#tokens = all
    this.#at = at
  }

  #peek(): string {
    return this.#tokens[this.#at]?.text ?? ''
  }

  #next(): Token {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw new Error('a type that does not end')
    this.#at += 1
    return token
  }

  #take(text: string): boolean {
    if (this.#peek() !== text) return false
    this.#at += 1
    return true
  }

  union(): Schema {
    this.#take('|')
    const members = [this.#intersection()]
    while (this.#take('|')) members.push(this.#intersection())
    const present = members.filter(member => !('absent' in member))
    if (present.length === 1 && present[0] !== undefined) return present[0]
    const isLiterals = present.every(member => 'const' in member)
    return isLiterals ? { enum: present.map(member => member['const']) } : { oneOf: present }
  }

  #intersection(): Schema {
    const members = [this.#suffixed()]
    while (this.#take('&')) members.push(this.#suffixed())
    return members.length === 1 && members[0] !== undefined ? members[0] : { allOf: members }
  }

  #suffixed(): Schema {
    this.#take('readonly')
    let schema = this.#single()
    while (this.#peek() === '[' && this.#tokens[this.#at + 1]?.text === ']') {
      this.#at += 2
      schema = { type: 'array', items: schema }
    }
    return schema
  }

  #single(): Schema {
    const { text } = this.#next()
    if (text === '(') {
      const schema = this.union()
      this.#take(')')
      return schema
    }
    if (text === '{') return this.object()
    if (text.startsWith("'")) return { const: text.slice(1, -1) }
    if (/^\d+$/.test(text)) return { const: Number(text) }
    return named(text)
  }

  /** After its opening brace. */
  object(): Schema {
    const properties: { [name: string]: Schema } = {}
    const required: string[] = []
    let others: Schema | undefined
    while (!this.#take('}')) {
      const first = this.#next()
      const name = first.text === 'readonly' ? this.#next().text : first.text
      if (name === '[') {
        while (!this.#take(']')) this.#next()
        this.#take(':')
        others = this.union()
      } else {
        const isOptional = this.#take('?')
        this.#take(':')
        const start = this.#at
        const schema = this.union()
        const mayBeAbsent = this.#tokens.slice(start, this.#at).some(token => token.text === 'undefined')
        const key = name.replaceAll("'", '')
        properties[key] = first.comment === undefined ? schema : described(schema, first.comment)
        if (!isOptional && !mayBeAbsent) required.push(key)
      }
      this.#take(';')
    }
    return {
      type: 'object',
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required }),
      ...(others !== undefined && { additionalProperties: others }),
    }
  }
}

const described = (schema: Schema, description: string): Schema =>
  '$ref' in schema ? { allOf: [schema], description } : { ...schema, description }

const scalars: { readonly [name: string]: Schema } = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  unknown: {},
  undefined: { absent: true },
}

const ours = new Map<string, { readonly all: readonly Token[]; readonly at: number; readonly isInterface: boolean }>()
for (const source of sources) {
  const all = tokens(readFileSync(path(source), 'utf8'))
  for (const [index, token] of all.entries()) {
    const name = all[index + 2]?.text ?? ''
    if (token.text !== 'export') continue
    if (all[index + 1]?.text === 'interface') ours.set(name, { all, at: index, isInterface: true })
    if (all[index + 1]?.text === 'type' && all[index + 3]?.text === '=')
      ours.set(name, { all, at: index, isInterface: false })
  }
}

const used = new Map<string, Schema>()

const named = (name: string): Schema => {
  const scalar = scalars[name]
  if (scalar !== undefined) return scalar
  const found = ours.get(name)
  if (found === undefined) return { type: 'object', description: `Kubernetes' ${name}.` }
  if (!used.has(name)) {
    used.set(name, {})
    const reader = new TypeReader(found.all, found.at + 4)
    const schema = found.isInterface ? reader.object() : reader.union()
    const { comment } = found.all[found.at] ?? {}
    used.set(name, comment === undefined ? schema : { description: comment, ...schema })
  }
  return { $ref: `#/components/schemas/${name}` }
}

/** Topic -> type, as an interface of topics.ts or telemetry.ts has it. */
const topicsOf = (map: string): readonly (readonly [string, string])[] => {
  const found = ours.get(map)
  if (found === undefined) throw new Error(`no interface ${map}`)
  const end = found.all.findIndex((token, index) => index > found.at && token.text === '}')
  const words = found.all.slice(found.at, end).map(token => token.text)
  return words.flatMap((word, index) =>
    word.startsWith("'") ? [[word.slice(1, -1), words[index + 2] ?? ''] as const] : [],
  )
}

const documents = new Set(['d/state', 'd/net'])

const tunnels: ReadonlySet<string> = new Set(['d/tun', 'u/tun'])

const bodyOf = (topic: string, type: string): Schema =>
  documents.has(topic)
    ? {
        type: 'object',
        description:
          'The document, or where it is fetched when its envelope is larger than 256 KiB: `GET /dunlin/v1/documents/<state|net>/<digest>` on the API port, with the certificate of the node.',
        properties: {
          format: { const: 1 },
          digest: { type: 'string', description: 'Lower-case hex SHA-256 of the canonical JSON.' },
          document: named(type),
          fetchBytes: { type: 'number' },
        },
        required: ['format', 'digest'],
      }
    : named(type)

const node = { description: 'Name of the node, which is its MQTT client id too.' }
const fleet = { description: 'Id of the fleet: ten characters.' }
const device = { description: '`node`, or `pod.<namespace>.<name>`.' }

interface Road {
  readonly key: string
  readonly address: string
  readonly parameters: Schema
  readonly type: string
  readonly body: Schema
  readonly action: 'send' | 'receive'
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly isSealed: boolean
}

const roads = (): readonly Road[] => [
  ...topicsOf('DownTopics').map(([topic, type]) => road(topic, type, 'receive', `n/{node}/${topic}`, { fleet, node })),
  ...topicsOf('BroadcastTopics').map(([topic, type]) => road(topic, type, 'receive', topic, { fleet })),
  ...topicsOf('UpTopics').map(([topic, type]) => road(topic, type, 'send', `n/{node}/${topic}`, { fleet, node })),
  ...topicsOf('TelemetryTopics').map(([topic, type]) => ({
    ...road(topic, type, 'send', `t/{node}/{device}/${topic.slice(2)}`, { fleet, node, device }),
    qos: 0 as const,
    retain: topic === 't/birth',
    isSealed: false,
  })),
]

const road = (topic: string, type: string, action: Road['action'], address: string, parameters: Schema): Road => ({
  key: topic.replaceAll('/', '-'),
  address: `dunlin/1/{fleet}/${address}`,
  parameters,
  type,
  body: bodyOf(topic, type),
  action,
  qos: tunnels.has(topic) ? 0 : 1,
  retain: false,
  isSealed: true,
})

/** The whole text of docs/asyncapi.yaml. */
export const asyncapi = (): string => {
  const all = roads()
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Dunlin on MQTT, as an agent speaks it',
      version: '1',
      description:
        'Written by scripts/generate-asyncapi.ts from the types in src/wire. MQTT 3.1.1. All but telemetry travels in an envelope: the payload schemas below are its JSON inside. docs/topics.md tells the rest.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      hub: {
        host: '{hub}:8883',
        protocol: 'secure-mqtt',
        protocolVersion: '3.1.1',
        description: 'TLS with a client certificate. The API port 6443 takes MQTT too, by ALPN `mqtt`.',
        variables: { hub: { description: 'Name or address of the hub.' } },
        bindings: { mqtt: { clientId: '{node}', cleanSession: true, keepAlive: 120, bindingVersion: '0.2.0' } },
      },
    },
    channels: Object.fromEntries(
      all.map(one => [
        one.key,
        {
          address: one.address,
          messages: { [one.type]: { $ref: `#/components/messages/${one.key}` } },
          parameters: one.parameters,
        },
      ]),
    ),
    operations: Object.fromEntries(
      all.map(one => [
        `${one.action}-${one.key}`,
        {
          action: one.action,
          channel: { $ref: `#/channels/${one.key}` },
          bindings: { mqtt: { qos: one.qos, retain: one.retain, bindingVersion: '0.2.0' } },
        },
      ]),
    ),
    components: {
      messages: Object.fromEntries(
        all.map(one => [
          one.key,
          {
            name: one.type,
            contentType: one.isSealed ? 'application/octet-stream' : 'application/json',
            ...(one.isSealed && {
              summary:
                one.qos === 0 ? 'A frame of a tunnel, binary.' : 'In an envelope; the schema is of the JSON in it.',
            }),
            payload: one.body,
          },
        ]),
      ),
      schemas: Object.fromEntries([...used].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  }
  return stringify(document, { lineWidth: 110, aliasDuplicateObjects: false })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(path('docs/asyncapi.yaml'), asyncapi())
