import type { Container, HTTPGetAction, TCPSocketAction } from '../../api/types.ts'
import type { ProbeResult } from '../../core/pods/probe.ts'
import type { ContainerRef, PodRuntime } from '../../core/pods/runtime.ts'

/** What a probe or a hook may do. */
export interface Asked {
  readonly exec?: { readonly command?: readonly string[] }
  readonly httpGet?: HTTPGetAction
  readonly tcpSocket?: TCPSocketAction
  readonly sleep?: { readonly seconds: number }
  readonly grpc?: object
}

export interface Asker {
  readonly runtime: PodRuntime
  readonly podIP: string
  readonly container: Container
  readonly id: ContainerRef
  readonly timeoutMs: number
}

/** Asks a container once. Never throws: what went wrong is the answer. */
export const askPod = async (asked: Asked, of: Asker): Promise<ProbeResult> => {
  try {
    if (asked.exec) return await askByExec(asked.exec.command ?? [], of)
    if (asked.httpGet) return await askByHttp(asked.httpGet, of)
    if (asked.tcpSocket) return await askByTcp(asked.tcpSocket, of)
    if (asked.sleep) return await sleep(asked.sleep.seconds * 1000, of.timeoutMs)
    return { isOk: false, output: 'this release knows exec, httpGet, tcpSocket and sleep only' }
  } catch (error) {
    return { isOk: false, output: error instanceof Error ? error.message : String(error) }
  }
}

const askByExec = async (command: readonly string[], of: Asker): Promise<ProbeResult> => {
  const { exitCode, output, timedOut } = await of.runtime.exec(of.id, command, of.timeoutMs)
  if (timedOut) return { isOk: false, output: `command timed out after ${of.timeoutMs / 1000}s` }
  return { isOk: exitCode === 0, output: output.trim().slice(0, 1024) || `command exited with ${exitCode}` }
}

/** A port by number, or by the name that the container gives it. */
const portOf = (port: string | number, container: Container): number => {
  const named = container.ports?.find(one => one.name === String(port))?.containerPort
  const found = named ?? Number(port)
  if (Number.isInteger(found) && found > 0 && found < 65_536) return found
  throw new Error(`the container has no port named "${port}"`)
}

/** Pods' certificates are not checked, as in Kubernetes: the probe asks for life, not for trust. */
const askByHttp = async (get: HTTPGetAction, of: Asker): Promise<ProbeResult> => {
  const port = portOf(get.port, of.container)
  const isTls = get.scheme === 'HTTPS'
  const { request } = isTls ? await import('node:https') : await import('node:http')
  const headers: { [name: string]: string } = { 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' }
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const status = await new Promise<number>((resolve, reject) => {
    const ask = request(
      {
        host: get.host || of.podIP,
        port,
        path: get.path || '/',
        headers,
        agent: false,
        timeout: of.timeoutMs,
        ...(isTls ? { rejectUnauthorized: false } : {}),
      },
      answer => {
        resolve(answer.statusCode ?? 0)
        answer.destroy()
      },
    )
    const limit = setTimeout(() => ask.destroy(new Error(`no answer within ${of.timeoutMs / 1000}s`)), of.timeoutMs)
    ask.on('error', reject)
    ask.on('close', () => clearTimeout(limit))
    ask.end()
  })
  return { isOk: status >= 200 && status < 400, output: `HTTP probe answered with status code ${status}` }
}

const askByTcp = async (tcp: TCPSocketAction, of: Asker): Promise<ProbeResult> => {
  const { connect } = await import('node:net')
  const port = portOf(tcp.port, of.container)
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: tcp.host || of.podIP, port })
    socket.setTimeout(of.timeoutMs, () => socket.destroy(new Error(`no connection within ${of.timeoutMs / 1000}s`)))
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
  return { isOk: true, output: 'connected' }
}

const sleep = async (ms: number, mostMs: number): Promise<ProbeResult> => {
  await new Promise(resolve => setTimeout(resolve, Math.min(ms, mostMs)))
  return { isOk: true, output: 'slept' }
}
