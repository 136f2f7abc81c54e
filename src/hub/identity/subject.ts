import type { X509Certificate } from 'node:crypto'

/** CN and O of our own certificates: one attribute a line, as Node prints a subject. */
export const subjectOf = (
  certificate: X509Certificate,
): { readonly user: string; readonly organizations: readonly string[] } => {
  const parts = (certificate.subject ?? '').split('\n')
  const valuesOf = (name: string) =>
    parts.filter(part => part.startsWith(`${name}=`)).map(part => part.slice(name.length + 1))
  return { user: valuesOf('CN')[0] ?? '', organizations: valuesOf('O') }
}
