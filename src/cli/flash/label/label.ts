import { parseJoinToken } from '../../../wire/join-token.ts'
import { type QrCode, qrCode } from './qr.ts'

/** What stands on the label of a device. */
export interface Label {
  readonly name: string
  /** SHA-256 of the key of the hub's CA that the device will trust, base64url. The device makes its own keys later. */
  readonly hubKey: string
  readonly tokenId: string
}

export const labelOf = (name: string, token: string): Label => {
  const { pin, id } = parseJoinToken(token)
  return { name, hubKey: pin, tokenId: id }
}

/** What a camera reads: `dunlin:barn?hub=<key>`. */
const readable = (label: Label): string => `dunlin:${label.name}?hub=${label.hubKey}`

/** The label for a terminal: two rows of modules in a line of half blocks, dark on light as readers want it. */
export const labelText = (label: Label): string => {
  const code = withMargin(qrCode(readable(label)), 2)
  const lines: string[] = []
  for (let y = 0; y < code.length; y += 2)
    lines.push((code[y] ?? []).map((isDark, x) => halves(isDark, code[y + 1]?.[x] === true)).join(''))
  return `${lines.join('\n')}\n${label.name}\nhub ${label.hubKey}\ntoken ${label.tokenId}\n`
}

/** Terminals are dark: what is light is drawn. */
const halves = (above: boolean, below: boolean): string => (above ? (below ? ' ' : '▄') : below ? '▀' : '█')

/** The label as a picture, 60 by 30 mm. */
export const labelSvg = (label: Label): string => {
  const code = withMargin(qrCode(readable(label)), 4)
  const side = 30 / code.length
  const squares = code.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  const line = (y: number, size: number, text: string): string =>
    `<text x="31" y="${y}" font-family="monospace" font-size="${size}">${text}</text>`
  // A name is of a-z, 0-9 and dashes, a key of base64url: nothing in them is markup.
  return `<svg xmlns="http://www.w3.org/2000/svg" width="60mm" height="30mm" viewBox="0 0 60 30">
<rect width="60" height="30" fill="#fff"/>
<path transform="scale(${side})" d="${squares}" shape-rendering="crispEdges"/>
${line(9, Math.min(4, 44 / label.name.length), label.name)}
${line(15, 1.8, `hub ${label.hubKey.slice(0, 22)}`)}
${line(17.5, 1.8, `    ${label.hubKey.slice(22)}`)}
${line(22, 1.8, `token ${label.tokenId}`)}
</svg>
`
}

const withMargin = (code: QrCode, margin: number): QrCode => {
  const side = code.length + 2 * margin
  const light = Array<boolean>(side).fill(false)
  const edge = Array<boolean>(margin).fill(false)
  const above = Array.from({ length: margin }, () => light)
  return [...above, ...code.map(row => [...edge, ...row, ...edge]), ...above]
}
