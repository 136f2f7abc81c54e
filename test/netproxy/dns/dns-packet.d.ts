/** The little of dns-packet that the tests use, as an opinion other than our own on what a message says. */
declare module 'dns-packet' {
  export interface Packet {
    readonly type?: 'query' | 'response'
    readonly id?: number
    readonly flags?: number
    readonly rcode?: string
    readonly flag_tc?: boolean
    readonly flag_aa?: boolean
    readonly questions?: readonly { readonly name: string; readonly type: string }[]
    readonly answers?: readonly PacketRecord[]
    readonly authorities?: readonly PacketRecord[]
    readonly additionals?: readonly PacketRecord[]
  }
  export interface PacketRecord {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    readonly data?: unknown
    readonly udpPayloadSize?: number
    readonly flags?: number
  }
  export function encode(packet: Packet): Buffer
  export function decode(bytes: Buffer): Packet
}
