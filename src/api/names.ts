/**
 * Names and their rules. Each function returns why the text is not such a name, in Kubernetes' words (k8s:
 * apimachinery/pkg/util/validation), or undefined where it is one.
 */
export type NameRule = (text: string) => string | undefined

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const label1035Message =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
const nameMessage =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const valueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

const labelPattern = new RegExp(`^${label}$`)
const subdomainPattern = new RegExp(`^${label}(\\.${label})*$`)

const asWords = (message: string, example: string, pattern: string): string =>
  `${message} (e.g. ${example}, regex used for validation is '${pattern}')`

const tooLong = (most: number): string => `must be no more than ${most} bytes`

/** RFC 1123 label, at most 63: `web-1`. */
export const dnsLabel: NameRule = text =>
  text.length > 63
    ? tooLong(63)
    : labelPattern.test(text)
      ? undefined
      : asWords(labelMessage, "'my-name',  or '123-abc'", label)

/** RFC 1123 subdomain, at most 253: `web-1.example`. */
export const dnsSubdomain: NameRule = text =>
  text.length > 253
    ? tooLong(253)
    : subdomainPattern.test(text)
      ? undefined
      : asWords(subdomainMessage, "'example.com'", `${label}(\\.${label})*`)

/** RFC 1035 label, at most 63, begins with a letter: Service names. */
export const dns1035Label: NameRule = text =>
  text.length > 63
    ? tooLong(63)
    : /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text)
      ? undefined
      : asWords(label1035Message, "'my-name',  or 'abc-123'", '[a-z]([-a-z0-9]*[a-z0-9])?')

/** RBAC names and other free names that become one path segment. */
export const pathSegment: NameRule = text =>
  text === '.' || text === '..'
    ? `may not be '${text}'`
    : text.includes('/')
      ? "may not contain '/'"
      : text.includes('%')
        ? "may not contain '%'"
        : undefined

const namePart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'

/** `name` or `prefix.example/name`: keys of labels, annotations and resources. */
export const qualifiedName: NameRule = text => {
  const parts = text.split('/')
  const name = parts.at(-1) ?? ''
  if (parts.length > 2) {
    return asWords(
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character with an optional DNS subdomain prefix and '/'",
      "'MyName',  or 'my.name',  or '123-abc'",
      namePart,
    ).replace(/\)$/, " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName'))")
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') return 'prefix part must be non-empty'
    const why = dnsSubdomain(prefix)
    if (why !== undefined) return `prefix part ${why}`
  }
  if (name === '') return 'name part must be non-empty'
  if (name.length > 63) return `name part ${tooLong(63)}`
  return new RegExp(`^${namePart}$`).test(name)
    ? undefined
    : asWords(nameMessage, "'MyName',  or 'my.name',  or '123-abc'", namePart)
}

/** The value of a label: empty, or at most 63 characters. */
export const labelValue: NameRule = text =>
  text.length > 63
    ? tooLong(63)
    : text === '' || new RegExp(`^${namePart}$`).test(text)
      ? undefined
      : asWords(valueMessage, "'MyValue',  or 'my_value',  or '12345'", `(${namePart})?`)

/** A name of an environment variable: any printable ASCII but `=` (k8s 1.34: relaxed). */
export const envVarName: NameRule = text =>
  text === ''
    ? 'environment variable name must not be empty'
    : /^[ -<>-~]+$/.test(text)
      ? undefined
      : "a valid environment variable name must consist only of printable ASCII characters other than '='"

/** A key of a ConfigMap or Secret. */
export const configKey: NameRule = text =>
  text.length > 253
    ? tooLong(253)
    : !/^[-._a-zA-Z0-9]+$/.test(text)
      ? asWords(
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
          "'key.name',  or 'KEY_NAME',  or 'key-name'",
          '[-._a-zA-Z0-9]+',
        )
      : text === '.'
        ? "must not be '.'"
        : text === '..' || text.startsWith('..')
          ? "must not start with '..'"
          : undefined

/** The name of a port (IANA service name): at most 15, at least one letter. */
export const portName: NameRule = text =>
  text.length > 15
    ? 'must be no more than 15 characters long'
    : !/^[-a-z0-9]+$/.test(text)
      ? 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'
      : !/[a-z]/.test(text)
        ? 'must contain at least one letter (a-z)'
        : text.includes('--')
          ? 'must not contain consecutive hyphens'
          : text.startsWith('-') || text.endsWith('-')
            ? 'must not begin or end with a hyphen'
            : undefined

/** A port number. */
export const portNumber = (port: number): string | undefined =>
  Number.isInteger(port) && port > 0 && port < 65536 ? undefined : 'must be between 1 and 65535, inclusive'

/** An IPv4 or IPv6 address. */
export const ipAddress: NameRule = text =>
  isIPv4(text) || isIPv6(text) ? undefined : 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

/** Whether the text is an IPv4 address in plain decimal form. */
export const isIPv4 = (text: string): boolean => /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)

/** Whether the text is an IPv6 address, without a zone. */
export const isIPv6 = (text: string): boolean => {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(':')) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groupsOf = (half: string): readonly string[] => (half === '' ? [] : half.split(':'))
  const groups = halves.flatMap(groupsOf)
  const last = groups.at(-1) ?? ''
  const hasIPv4 = last.includes('.')
  if (groups.slice(0, -1).some(group => group.includes('.')) || (hasIPv4 && !isIPv4(last))) return false
  if (hasIPv4 && text.endsWith('::')) return false
  if (!(hasIPv4 ? groups.slice(0, -1) : groups).every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return false
  const count = groups.length + (hasIPv4 ? 1 : 0)
  return halves.length === 2 ? count < 8 : count === 8
}
