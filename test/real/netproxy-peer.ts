/**
 * A server or a client in a network namespace, for the tests of the pod network.
 *
 *   serve NAME PORT…            TCP: answers `NAME ADDRESS-OF-CLIENT` and closes; UDP: the same to each datagram
 *   ask tcp|udp ADDRESS PORT N  asks N times, one after another, from new sockets; prints a JSON list of answers or error codes
 *   pin ADDRESS PORT            one UDP socket; asks at each line of stdin and prints the answer
 *   hold ADDRESS PORT           one TCP connection to an `echo` port; writes each line of stdin, prints what comes back or the error code
 *   echo PORT                   TCP: sends back what comes
 *   dns PORT NAME ADDRESS       a DNS server that knows one name
 *   source PORT                 TCP: sends as fast as is taken
 *   drink ADDRESS PORT MS       one connection to a `source`; prints bytes a second
 *   ping ADDRESS PORT COUNT     one connection to an `echo`, one byte there and back at a time; prints { p50, p99 } in microseconds
 *   storm ADDRESS PORT MS       new connections one after another for so long; prints { good, bad }
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { decode, encode } from 'dns-packet'

const [mode, ...words] = process.argv.slice(2)
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const askTcp = (address: string, port: number): Promise<string> =>
  new Promise(resolve => {
    const socket = connect({ host: address, port, timeout: 4000 })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('timeout', () => {
      socket.destroy()
      resolve('TIMEOUT')
    })
    socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'ERROR'))
  })

const askUdp = (socket: ReturnType<typeof createSocket>, address: string, port: number): Promise<string> =>
  new Promise(resolve => {
    const end = (answer: string): void => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => {})
      resolve(answer)
    }
    const timer = setTimeout(() => end('TIMEOUT'), 2000)
    socket.once('message', message => end(message.toString('utf8')))
    socket.once('error', error => end((error as NodeJS.ErrnoException).code ?? 'ERROR'))
    socket.send('hello', port, address, error => {
      if (error !== null) end((error as NodeJS.ErrnoException).code ?? 'ERROR')
    })
  })

if (mode === 'serve') {
  const [name = '', ...ports] = words
  let left = ports.length * 2
  const ready = (): void => {
    left -= 1
    if (left === 0) say('ready')
  }
  for (const port of ports.map(Number)) {
    createServer(socket => {
      socket.on('error', () => {})
      socket.end(`${name} ${socket.remoteAddress?.replace('::ffff:', '')}`)
    }).listen(port, '0.0.0.0', ready)
    const udp = createSocket('udp4')
    udp.on('message', (_, from) => udp.send(`${name} ${from.address}`, from.port, from.address))
    udp.bind(port, ready)
  }
} else if (mode === 'echo') {
  createServer(socket => {
    socket.on('error', () => {})
    socket.pipe(socket)
  }).listen(Number(words[0]), '0.0.0.0', () => say('ready'))
} else if (mode === 'dns') {
  const [port, name = '', address = ''] = words
  const udp = createSocket('udp4')
  udp.on('message', (bytes, from) => {
    const { id = 0, questions = [] } = decode(bytes)
    const isKnown = questions[0]?.name.toLowerCase() === name && questions[0].type === 'A'
    const answers = isKnown ? [{ type: 'A', name, ttl: 1, data: address }] : []
    udp.send(encode({ type: 'response', id, questions, answers }), from.port, from.address)
  })
  udp.bind(Number(port), () => say('ready'))
} else if (mode === 'source') {
  const chunk = Buffer.alloc(64 * 1024)
  createServer(socket => {
    socket.on('error', () => {})
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', pour)
    pour()
  }).listen(Number(words[0]), '0.0.0.0', () => say('ready'))
} else if (mode === 'drink') {
  const [address = '', port, ms] = words
  let bytes = 0
  let from = 0
  const socket = connect({
    host: address,
    port: Number(port),
    onread: {
      buffer: Buffer.alloc(256 * 1024),
      callback: count => {
        from ||= performance.now()
        bytes += count
        return true
      },
    },
  })
  setTimeout(() => {
    say(String(Math.round(bytes / ((performance.now() - from) / 1000))))
    socket.destroy()
  }, Number(ms))
} else if (mode === 'ping') {
  const [address = '', port, count] = words
  const socket = connect({ host: address, port: Number(port), noDelay: true })
  await new Promise(resolve => socket.once('connect', resolve))
  const times: number[] = []
  for (let index = 0; index < Number(count); index += 1) {
    const from = performance.now()
    socket.write('x')
    await new Promise(resolve => socket.once('data', resolve))
    times.push((performance.now() - from) * 1000)
  }
  socket.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0)
  say(JSON.stringify({ p50: at(0.5), p99: at(0.99) }))
} else if (mode === 'ask') {
  const [protocol, address = '', port, count] = words
  const answers: string[] = []
  for (let index = 0; index < Number(count); index += 1) {
    if (protocol === 'tcp') {
      answers.push(await askTcp(address, Number(port)))
      continue
    }
    const socket = createSocket('udp4')
    answers.push(await askUdp(socket, address, Number(port)))
    socket.close()
  }
  say(JSON.stringify(answers))
} else if (mode === 'pin') {
  const [address = '', port] = words
  const socket = createSocket('udp4')
  say('ready')
  for await (const _ of createInterface({ input: process.stdin })) say(await askUdp(socket, address, Number(port)))
  socket.close()
} else if (mode === 'hold') {
  const [address = '', port] = words
  const socket = connect({ host: address, port: Number(port) })
  socket.on('connect', () => say('ready'))
  socket.on('data', chunk => say(chunk.toString('utf8').trim()))
  socket.on('error', error => {
    say((error as NodeJS.ErrnoException).code ?? 'ERROR')
    process.exit(0)
  })
  for await (const line of createInterface({ input: process.stdin })) socket.write(`${line}\n`)
} else if (mode === 'storm') {
  const [address = '', port, ms] = words
  const until = performance.now() + Number(ms)
  const bad: string[] = []
  let good = 0
  while (performance.now() < until) {
    const answer = await askTcp(address, Number(port))
    if (answer.includes(' ')) good += 1
    else bad.push(answer)
  }
  say(JSON.stringify({ good, bad }))
}
