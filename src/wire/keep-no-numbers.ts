import { writeToStream } from 'mqtt-packet'

/**
 * Tells the writer of MQTT packets to keep no buffers in stock. It would make all 65,536 two-byte numbers with its first
 * packet and hold them for ever: 8 MB, more than everything else that an idle agent holds, to save an allocation of two
 * bytes a packet. Both sides of the wire call it before their first packet.
 *
 * @example keepNoNumbers()
 */
export const keepNoNumbers = (): void => {
  writeToStream.cacheNumbers = false
}
