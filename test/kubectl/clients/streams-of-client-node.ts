import { PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Attach, Exec, KubeConfig, Log, PortForward, type V1Status } from '@kubernetes/client-node'

/** What the official JavaScript client saw of a pod. */
export interface Seen {
  readonly exec: string
  readonly out: string
  readonly err: string
  readonly code: string | undefined
  readonly cat: string
  readonly attached: string
  readonly forward: string
  readonly log: string
  readonly tail: string
}

/** Does with a pod what the official JavaScript client can: exec, attach, port-forward and logs. */
export const streamsOfClientNode = async (of: {
  readonly kubeconfig: string
  readonly pod: string
  readonly container: string
  readonly httpPort: number
}): Promise<Seen> => {
  const { pod, container } = of
  const config = new KubeConfig()
  config.loadFromFile(of.kubeconfig)
  const run = async (command: string[], input: string | null) => {
    const [out, err] = [new PassThrough(), new PassThrough()]
    const ended = Promise.withResolvers<V1Status>()
    const stdin = input === null ? null : Readable.from([Buffer.from(input)])
    const exec = new Exec(config)
    const socket = await exec.exec('default', pod, container, command, out, err, stdin, false, ended.resolve)
    const status = await ended.promise
    socket.close()
    out.end()
    err.end()
    return { out: await text(out), err: await text(err), status }
  }
  const echoed = await run(['echo', 'a b', 'c'], null)
  const failed = await run(['sh', '-c', 'echo out; echo err >&2; exit 7'], null)
  const cat = await run(['cat'], 'typed')

  const attached = await upTo(async out => {
    const socket = await new Attach(config).attach('default', pod, container, out, null, null, false)
    return () => socket.close()
  }, /tick/)

  const forward = await upTo(async out => {
    const request = Readable.from([Buffer.from('GET /hello HTTP/1.0\r\n\r\n')])
    const socket = await new PortForward(config).portForward('default', pod, [of.httpPort], out, null, request)
    if (typeof socket === 'function') throw new Error('one connection was asked for')
    return () => socket.close()
  }, /\r\n\r\nhello/)

  const log = async (options: { readonly tailLines?: number }): Promise<string> => {
    const out = new PassThrough()
    await new Log(config).log('default', pod, container, out, options)
    return await text(out)
  }
  return {
    exec: echoed.out,
    out: failed.out,
    err: failed.err,
    code: failed.status.details?.causes?.[0]?.message,
    cat: cat.out,
    attached,
    forward,
    log: await log({}),
    tail: await log({ tailLines: 1 }),
  }
}

/** What comes until it matches. */
const upTo = async (begin: (out: Writable) => Promise<() => void>, enough: RegExp): Promise<string> => {
  let seen = ''
  const done = Promise.withResolvers<void>()
  const out = new Writable({
    write(chunk, _encoding, next) {
      seen += chunk
      if (enough.test(seen)) done.resolve()
      next()
    },
  })
  const stop = await begin(out)
  await done.promise
  stop()
  return seen
}
