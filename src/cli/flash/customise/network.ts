import { pbkdf2Sync } from 'node:crypto'
import type { StaticAddress, Wishes } from './wishes.ts'

/** WPA's key from passphrase and network name (IEEE 802.11i, H.4), 64 hex digits: other networks' passphrases stay unknown. */
export const wifiKey = (network: string, passphrase: string): string =>
  /^[0-9a-fA-F]{64}$/.test(passphrase)
    ? passphrase.toLowerCase()
    : pbkdf2Sync(passphrase, network, 4096, 32, 'sha1').toString('hex')

/** Whether the card says anything of the network; else the system's own default holds. */
export const hasNetwork = (wishes: Wishes): boolean => wishes.wifi !== undefined || wishes.address !== undefined

/** cloud-init's `network-config`, version 2. It replaces the system's own, so the cable is in it too. */
export const networkConfig = (wishes: Wishes, ethernet: 'eth0' | 'any'): object => {
  const { wifi, address } = wishes
  const dynamic = { dhcp4: true, optional: true }
  // A static address is that of the radio where there is one.
  const cable = address !== undefined && wifi === undefined ? fixed(address) : dynamic
  return {
    version: 2,
    ethernets: ethernet === 'eth0' ? { eth0: cable } : { cable: { match: { name: 'e*' }, ...cable } },
    ...(wifi === undefined
      ? {}
      : {
          wifis: {
            wlan0: {
              ...(address === undefined ? dynamic : fixed(address)),
              ...(wishes.country === undefined ? {} : { 'regulatory-domain': wishes.country }),
              'access-points': {
                [wifi.network]:
                  wifi.passphrase === undefined ? {} : { password: wifiKey(wifi.network, wifi.passphrase) },
              },
            },
          },
        }),
  }
}

const fixed = (of: StaticAddress): object => ({
  addresses: [of.address],
  // Older systems know no `routes: default`, and newer ones warn of gateway4: they still take it.
  routes: [{ to: '0.0.0.0/0', via: of.gateway }],
  nameservers: { addresses: of.dns.length > 0 ? of.dns : [of.gateway] },
  optional: true,
})

/** NetworkManager's keyfile for the radio. */
export const wifiConnection = (wishes: Wishes): string | undefined => {
  const { wifi, address } = wishes
  if (wifi === undefined) return undefined
  return keyfile([
    ['connection', { id: 'dunlin-wifi', type: 'wifi', 'interface-name': 'wlan0', autoconnect: 'true' }],
    ['wifi', { mode: 'infrastructure', ssid: ssidBytes(wifi.network) }],
    ...(wifi.passphrase === undefined
      ? []
      : [['wifi-security', { 'key-mgmt': 'wpa-psk', psk: wifiKey(wifi.network, wifi.passphrase) }] as const]),
    ...addressing(address),
  ])
}

/** NetworkManager's keyfile for the cable; only for a static address on it. */
export const cableConnection = (wishes: Wishes): string | undefined =>
  wishes.address === undefined || wishes.wifi !== undefined
    ? undefined
    : keyfile([
        ['connection', { id: 'dunlin-cable', type: 'ethernet', 'interface-name': 'eth0', autoconnect: 'true' }],
        ...addressing(wishes.address),
      ])

type Section = readonly [string, { readonly [key: string]: string }]

const addressing = (address: StaticAddress | undefined): readonly Section[] => [
  [
    'ipv4',
    address === undefined
      ? { method: 'auto' }
      : {
          method: 'manual',
          address1: `${address.address},${address.gateway}`,
          dns: `${(address.dns.length > 0 ? address.dns : [address.gateway]).join(';')};`,
        },
  ],
  ['ipv6', { method: 'auto' }],
]

const keyfile = (sections: readonly Section[]): string =>
  sections
    .map(
      ([name, values]) =>
        `[${name}]\n${Object.entries(values)
          .map(([key, value]) => `${key}=${value}\n`)
          .join('')}`,
    )
    .join('\n')

/** As a list of bytes, which a name of any characters can be written as. */
const ssidBytes = (network: string): string => `${[...Buffer.from(network)].join(';')};`
